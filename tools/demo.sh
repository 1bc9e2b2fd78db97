#!/usr/bin/env bash
# From a bare machine to a trained and evaluated model: HybridNet-s on the bundled mouse frames, a few minutes on a CPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
config=configs/animal/hybridnet_s_mirror_mouse_256x256.py
out=work_dirs/demo
python=.venv/bin/python

# Runs a command with its output in a file, which is shown if the command fails.
logged() {
    local log=$1
    shift
    "$@" >"$log" || { tail -n 20 "$log" >&2; exit 1; }
}

bash tools/setup_env.sh
mkdir -p "$out"
echo "Training HybridNet-s on 72 frames (log: $out/train.log)."
logged "$out/train.log" "$python" tools/train.py "$config" --work-dir "$out" --progress
best=$(ls -t "$out"/best_*.pth | head -n 1)
logged "$out/test.log" "$python" tools/test.py "$config" "$best" --work-dir "$out" --out "$out/results.json"
logged "$out/draw.log" "$python" tools/draw.py "$config" "$out/results.json" "$out/pictures"

echo "On the 9 frames that were neither trained on nor selected by ($best):"
sed -n '/^boxes/,$p' "$out/test.log"
echo '(COCO AP and AR at OKS sigma 0.02; EPE is the mean error in px of the 396x406 frames.)'
echo 'Pictures: labels, predictions and their covariance ellipses:'
cat "$out/draw.log"

#!/usr/bin/env bash
# slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of train.py]; GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as in mmpose.
set -euo pipefail
[ $# -ge 4 ] || { echo "usage: slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of train.py]" >&2; exit 2; }
gpus="${GPUS:-8}" per_node="${GPUS_PER_NODE:-8}"
# shellcheck disable=SC2086
exec srun -p "$1" --job-name="$2" --gres="gpu:$per_node" --ntasks="$gpus" --ntasks-per-node="$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$3" --work-dir="$4" --launcher slurm "${@:5}"

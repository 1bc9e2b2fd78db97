#!/usr/bin/env bash
# Train on several GPUs, or several CPU processes: dist_train.sh CONFIG PROCESSES [options of train.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT, as in mmpose.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: dist_train.sh CONFIG PROCESSES [options of train.py]" >&2; exit 2; }
exec "$(dirname "$0")/launch.sh" train.py "$2" "$1" "${@:3}"

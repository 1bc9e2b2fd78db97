#!/usr/bin/env bash
# Test on several GPUs, or several CPU processes: dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT, as in mmpose.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]" >&2; exit 2; }
exec "$(dirname "$0")/launch.sh" test.py "$3" "$1" "$2" "${@:4}"

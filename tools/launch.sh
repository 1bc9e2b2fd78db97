#!/usr/bin/env bash
# What dist_train.sh and dist_test.sh share: launch.sh TOOL PROCESSES ARGUMENTS...
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-python}"
[ -n "${PYTHON:-}" ] || [ -n "${VIRTUAL_ENV:-}" ] || [ ! -x "$here/../.venv/bin/python" ] || python="$here/../.venv/bin/python"
exec "$python" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$2" "$here/$1" "${@:3}" --launcher pytorch

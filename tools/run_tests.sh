#!/usr/bin/env bash
# Sets up .venv if needed and runs the tests, a file to a process and a process to a core, at most four; arguments go to
# pytest (-n 0 keeps to one process).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh
exec .venv/bin/python -m pytest tests -n auto --maxprocesses 4 --dist loadfile "$@"

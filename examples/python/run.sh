#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh live_parameter | run.sh scenario
set -euo pipefail
here=$(dirname "$0")
PYTHONPATH="$here/gen" exec "$here/.venv/bin/python" "$here/${1:?tour, live_parameter or scenario}.py" "${@:2}"

#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh live_parameter | run.sh scenario
set -euo pipefail
exec "$(dirname "$0")/bin/$1" "${@:2}"

#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh live_parameter | run.sh scenario
set -euo pipefail
exec "$(dirname "$0")/target/debug/${1:?tour, live_parameter or scenario}" "${@:2}"

#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh scenario
set -euo pipefail
exec "$(dirname "$0")/target/debug/${1:?tour or scenario}" "${@:2}"

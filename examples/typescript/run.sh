#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh scenario
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PWD/../../node_modules/.bin:$PATH" exec node "$1.ts" "${@:2}"

#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh scenario, with the package as this checkout has it
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PWD/../../node_modules/.bin:$PATH" exec node --import ../../test/docs/paramd-from-source.ts "$1.ts" "${@:2}"

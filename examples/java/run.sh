#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh live_parameter | run.sh scenario
set -euo pipefail
target=$(dirname "$0")/target
case "${1:-}" in
  tour) main=Tour ;;
  live_parameter) main=LiveParameter ;;
  scenario) main=Scenario ;;
  *) echo "usage: $0 tour [prefix] | live_parameter | scenario" >&2 && exit 2 ;;
esac
exec java -cp "$target/classes:$(<"$target/class-path")" "paramd.examples.$main" "${@:2}"

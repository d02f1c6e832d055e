#!/usr/bin/env bash
# run.sh tour [prefix] | run.sh scenario
set -euo pipefail
target=$(dirname "$0")/target
case "${1:-}" in
  tour) main=Tour ;;
  scenario) main=Scenario ;;
  *) echo "usage: $0 tour [prefix] | scenario" >&2 && exit 2 ;;
esac
exec java -cp "$target/classes:$(<"$target/class-path")" "paramd.examples.$main" "${@:2}"

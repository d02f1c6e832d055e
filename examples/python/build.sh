#!/usr/bin/env bash
# Installs what requirements.txt pins into .venv and generates gen/ from the project's proto/.
set -euo pipefail
cd "$(dirname "$0")"

# The copy says what a finished installation holds.
if ! cmp --silent requirements.txt .venv/requirements.txt; then
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --requirement requirements.txt
  cp requirements.txt .venv/
fi

cd ../..
PATH="$PWD/node_modules/.bin:$PATH" buf generate --template examples/python/buf.gen.yaml

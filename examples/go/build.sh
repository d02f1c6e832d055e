#!/usr/bin/env bash
# Generates from proto/ and builds. Needs Go, and buf from the project's node_modules (npm ci).
set -euo pipefail
cd "$(dirname "$0")/../.."

PATH="$PWD/node_modules/.bin:$PATH" buf generate --template examples/go/buf.gen.yaml
cd examples/go
programs=(./tour ./scenario ./live_parameter)
go vet ./paramd "${programs[@]}"
go build -o bin/ "${programs[@]}"

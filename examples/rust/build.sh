#!/usr/bin/env bash
# Installs the generators into .generators/, generates gen/ from the project's proto/ and compiles into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=examples/rust
generators=(protoc-gen-prost@0.5.0 protoc-gen-tonic@0.5.0)
installed="$here/.generators/${generators[*]}"
if [ ! -e "$installed" ]; then
  cargo install --quiet --debug --locked --force --root "$here/.generators" "${generators[@]}"
  touch "$installed"
fi

generated="$here/gen/.generated"
if [ ! -e "$generated" ] || [ -n "$(find proto "$here/buf.gen.yaml" "$installed" -newer "$generated")" ]; then
  PATH="$PWD/node_modules/.bin:$PATH" buf generate --template "$here/buf.gen.yaml"
  touch "$generated"
fi
cargo build --quiet --locked --manifest-path "$here/Cargo.toml"

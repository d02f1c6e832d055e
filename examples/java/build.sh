#!/usr/bin/env bash
# Fetches the generators, generates code from the project's proto/ and compiles: all into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=examples/java
sources=(proto "$here/pom.xml" "$here/buf.gen.yaml" "$here/build.sh" "$here/src")
built="$here/target/built"
if [ -e "$built" ] && [ -z "$(find "${sources[@]}" -newer "$built")" ]; then exit; fi
rm -rf "$here/target/classes" "$built"

mvn --quiet --batch-mode --file "$here" initialize
chmod +x "$here"/target/generators/*
PATH="$PWD/node_modules/.bin:$PATH" buf generate --template "$here/buf.gen.yaml"
mvn --quiet --batch-mode --file "$here" package
touch "$built"

#!/usr/bin/env bash
# Puts the age test suite where tests/it/age_vectors.rs looks for it: a file for each vector.
#
# From the npm package of age's author, at a pinned version. Does nothing when all is there already.
set -euo pipefail

VERSION=0.2.0

cd "$(dirname "$0")/../.."
tools="$(realpath -m "${CARGO_TARGET_DIR:-target}")/test-tools"
vectors="$tools/age-vectors"
if [ -f "$vectors/.version" ] && [ "$(cat "$vectors/.version")" = "$VERSION" ]; then
    exit 0
fi
rm -rf "$vectors" "$tools/age-vectors-npm"
mkdir -p "$vectors" "$tools/age-vectors-npm"
npm install --silent --no-audit --no-fund --prefix "$tools/age-vectors-npm" "cctv-age@$VERSION"
# shellcheck disable=SC2016 # it is JavaScript
node --input-type=module --eval '
    import { writeFileSync } from "node:fs";
    import { pathToFileURL } from "node:url";
    const [module, place] = process.argv.slice(-2);
    const vectors = await import(pathToFileURL(module));
    for (const [name, bytes] of Object.entries(vectors.default ?? vectors)) writeFileSync(`${place}/${name}`, bytes);
' "$tools/age-vectors-npm/node_modules/cctv-age/index.js" "$vectors"
rm -rf "$tools/age-vectors-npm"
echo "$VERSION" >"$vectors/.version"

#!/usr/bin/env bash
# Installs typage, age in TypeScript by age's author, for tests/it/post_quantum: a second implementation of post-quantum
# recipients.
#
# Goes to target/test-tools, with a pinned version. Does nothing when it is there already.
set -euo pipefail

VERSION=0.3.1

cd "$(dirname "$0")/../.."
place="${CARGO_TARGET_DIR:-target}/test-tools/typage"
if [ -f "$place/.version" ] && [ "$(cat "$place/.version")" = "$VERSION" ]; then
    exit 0
fi
mkdir -p "$place"
npm install --silent --no-audit --no-fund --prefix "$place" "age-encryption@$VERSION"
echo "$VERSION" >"$place/.version"

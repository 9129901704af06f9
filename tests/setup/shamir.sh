#!/usr/bin/env bash
# Installs a second implementation of Shamir's shares (the one of HashiCorp Vault, in Python), for
# tests/it/break_glass_sheet.rs.
#
# Goes to target/test-tools, with a pinned version. Does nothing when it is there already.
set -euo pipefail

PYSHAMIR=1.1.0

cd "$(dirname "$0")/../.."
tools="${CARGO_TARGET_DIR:-target}/test-tools"

if "$tools/shamir/bin/pip" show pyshamir 2>/dev/null | grep -qx "Version: $PYSHAMIR"; then
    exit 0
fi
mkdir -p "$tools"
python3 -m venv --clear "$tools/shamir"
"$tools/shamir/bin/pip" install --quiet --disable-pip-version-check "pyshamir==$PYSHAMIR"

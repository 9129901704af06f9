#!/usr/bin/env bash
# Installs the official 1Password Connect clients and the conformance proxy, for tests/it/connect_server.
#
# Goes to target/test-tools, with pinned versions. Does nothing when all is there already.
set -euo pipefail

CONNECT_PYTHON=2.1.0
CONNECT_JS=1.4.2
PRISM=5.16.0

cd "$(dirname "$0")/../.."
tools="${CARGO_TARGET_DIR:-target}/test-tools"
stamp="$tools/connect-clients.stamp"
want="python $CONNECT_PYTHON js $CONNECT_JS prism $PRISM"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    exit 0
fi

# Prints the Debian packages of the programs that are missing.
missing() {
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || echo python3-venv
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

packages="$(missing)"
if [ -n "$packages" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: these packages are missing:" "$packages" >&2
        exit 1
    fi
    apt-get update -q
    # shellcheck disable=SC2086 # one word for each package
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
fi

mkdir -p "$tools"
python3 -m venv --clear "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check "onepasswordconnectsdk==$CONNECT_PYTHON"
npm install --silent --no-audit --no-fund --prefix "$tools/npm" \
    "@1password/connect@$CONNECT_JS" "@stoplight/prism-cli@$PRISM"
echo "$want" >"$stamp"

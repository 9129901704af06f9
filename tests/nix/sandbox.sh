#!/usr/bin/env bash
# In a mount namespace of its own: what systemd has mounted is used, and the unit's capabilities are enough to give
# files away, to make a link in a directory that only its user can write, and to take it away again.
# Those of the unit that reports are enough to look there.
#   sandbox.sh PROGRAM ,+CAPABILITY… ,+CAPABILITY…
set -euo pipefail
program=$1 bounds=$2 looking=$3
for place in /run /var/lib /srv; do mount -t tmpfs tmpfs $place; done
mkdir /run/pkeys.d /srv/bundle
mount -t ramfs -o nosuid,nodev,noexec,mode=0751 ramfs /run/pkeys.d
cp tests/nix/fixtures/bundles/web/* /srv/bundle
install -m 0400 tests/nix/fixtures/keys/host /srv/key
install -d -m 0700 -o 65534 -g 65534 /srv/home
spec() {
    printf '{"version": 1, "host": "web", "bundles": ["/srv/bundle"], "identities": ["/srv/key"],
        "trustedSigners": ["%s"], "secrets": {"app-token": %s}}' "$(cat tests/nix/fixtures/keys/signer.pub)" "$1"
}
install_spec() {
    spec "$1" > /srv/spec.json
    setpriv --bounding-set="-all$bounds" --inh-caps=-all --no-new-privs "$program" install --spec /srv/spec.json
}
install_spec '{"uid": 65534, "gid": 65534, "mode": "0440", "path": "/srv/home/token"}'
[ "$(stat -L -c %u:%g:%a /srv/home/token)" = 65534:65534:440 ]
report=$(setpriv --bounding-set="-all$looking" --inh-caps=-all --no-new-privs "$program" report --spec /srv/spec.json)
[ "$(jq -c '[.files["secrets/app-token"], .problems, (.identities | length)]' <<< "$report")" = '[[],[],1]' ]
install_spec '{}'
[ ! -L /srv/home/token ]
[ "$(stat -c %a /run/pkeys/secrets/app-token)" = 400 ]
[ "$(findmnt -no FSTYPE /run/pkeys.d | wc -l)" = 1 ]

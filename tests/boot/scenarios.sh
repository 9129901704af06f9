# shellcheck shell=bash disable=SC2034,SC2154
# What is changed on a machine before it boots, and what it must report. Each ends in a machine that is up.

scenarios=(good unknown-owner no-host-key tampered-closure pushed-newer push full-run script)

digest() { printf %s "$1" | sha256sum | cut -c1-16; }
token() { digest "value-of-token-$1"; }

# All is in place, users have passwords from secrets, nothing leaks; also after a reboot.
prepare_good() { echo 2 | put 644 /etc/boots; }
expect_good() {
    has "boot 2"
    has "file /run/pkeys/secrets/app-token 400 ann:root $(token 1)"
    has "file /run/pkeys/secrets/db-password 400 root:root $(digest db-password-1)"
    has "file /run/pkeys/secrets/tailscale-auth-key 400 root:root $(digest tskey-auth-1)"
    has "file /run/pkeys/templates/app.env 400 root:root $(printf 'TOKEN=value-of-token-1\n' | sha256sum | cut -c1-16)"
    has "file /run/pkeys/authorized_keys/ann 444 root:root .*"
    has "file /run/pkeys-for-users/secrets/ann-password 400 root:root .*"
    has "mount /run/pkeys.d ramfs rw,nosuid,nodev,noexec,.*mode=751.*"
    has "mount /run/pkeys-for-users.d ramfs rw,nosuid,nodev,noexec,.*mode=751.*"
    has "link /run/pkeys/secrets/tailscale-auth-key"
    has "order secrets-before-users"
    has "order secrets-before-services"
    has "consumed $(digest db-password-1)"
    has "credential $(token 1)"
    has "password ann"
    has "login root"
    has "login ann"
    has "journal installed generation 1 of .*: 3 secrets, 1 template, authorized keys of 2 users"
    # Landlock is in force inside of the unit: without it there is this note.
    hasnt "journal note: not confined .*"
    has "cycles 0"
    has "state running "
}

# No user ann: one secret is set apart, and named; the service with a dynamic user gets its credential.
prepare_unknown-owner() {
    rm "$tree/etc/sysusers.d/ann.conf" "$tree/etc/systemd/system/systemd-sysusers.service.d/password.conf"
}
expect_unknown-owner() {
    has "file /run/pkeys/secrets/app-token 400 root:root $(token 1)"
    has "unit pkeys-activate active 4"
    has "journal problem: secret app-token: there is no user ann .*"
    has "credential $(token 1)"
    has "consumed $(digest db-password-1)"
    has "login root"
    has "cycles 0"
    has "state running "
}

# The identity is gone: who may log in is installed all the same, and the journal says why there is nothing else.
prepare_no-host-key() { rm "$tree/etc/ssh/ssh_host_ed25519_key" "$tree/etc/ssh/ssh_host_rsa_key"; }
expect_no-host-key() {
    has "unit pkeys-activate failed 3"
    has "journal rejected: /nix/store/.*: .*/etc/ssh/ssh_host_ed25519_key.*"
    has "file /run/pkeys/authorized_keys/ann 444 root:root .*"
    hasnt "file /run/pkeys/secrets/.*"
    has "login root"
    has "state degraded .*pkeys-activate.service.*"
}

# The closure's bundle was changed by somebody; an older one that was pushed is whole.
prepare_tampered-closure() {
    bundle web-next "$closure"
    sed -i 's/"generation": 2/"generation": 9/' "$tree$closure/manifest.json"
    bundle web /var/lib/pkeys/bundle
}
expect_tampered-closure() {
    has "journal rejected: /nix/store/.*: .*"
    has "journal installed generation 1 of /var/lib/pkeys/bundle: .*"
    has "file /run/pkeys/secrets/app-token 400 ann:root $(token 1)"
    has "login ann"
    has "state running "
}

# A newer bundle was pushed: it wins.
prepare_pushed-newer() { bundle web-next /var/lib/pkeys/bundle; }
expect_pushed-newer() {
    has "journal installed generation 2 of /var/lib/pkeys/bundle: .*"
    has "file /run/pkeys/secrets/app-token 400 ann:root $(token 2)"
    has "password ann"
    has "login ann"
    has "state running "
}

# A bundle is pushed to the running machine, and it is asked what it has, by the login that can do nothing else.
prepare_push() { tar -C "$fixtures/bundles/web-next" -c . | put 600 /root/push.tar; }
expect_push() {
    has "journal installed generation 1 of /nix/store/.*"
    has 'push .*"accepted":true,"generation":2,"previous":1,.*"status":"done".*"problems":\[\].*'
    has "pushed app-token 400 ann:root $(token 2)"
    has "pushed app.service restarted with $(token 2)"
    has "pushed a shell is refused"
    has 'push again .*"accepted":true,"generation":2,"previous":2,.*'
    has 'told .*"error":null,.*"rejected":\[\],"installed":\{"secrets":2,"authorizedKeys":2\}.*'
    has 'told .*"secrets/ann-password":\[\],.*"secrets/tailscale-auth-key":\[\],.*"templates/app.env":\[\]\},"problems":\[\].*'
    has 'told .*"app.service":"active",.*"pkeys-activate.service":"active",.*"pkeys-receive.socket":"active",.*'
    has "state running "
}

# Something has filled /run before.
prepare_full-run() {
    put 644 /etc/systemd/system/fill-run.service << 'UNIT'
[Unit]
DefaultDependencies=false
Before=pkeys-activate.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cat /dev/zero > /run/fill; true'
[Install]
WantedBy=sysinit.target
UNIT
    systemctl --root="$PWD/$tree" --quiet enable fill-run
}
expect_full-run() {
    has "file /run/pkeys/secrets/app-token 400 ann:root $(token 1)"
    has "consumed $(digest db-password-1)"
    has "login root"
}

# The activation scripts of the host `script`'s kind, run as NixOS's second stage does, before systemd.
prepare_script() {
    systemctl --root="$PWD/$tree" --quiet disable pkeys-activate pkeys-activate-users early
    rm "$tree/etc/systemd/system/run-pkeys.d.mount" "$tree/etc/systemd/system/pkeys-activate.service"
    rm "$tree/etc/systemd/system/systemd-sysusers.service.d/password.conf"
    local passwd group
    passwd=$(cat "$tree/etc/passwd") group=$(cat "$tree/etc/group")
    printf '%s\nann:x:1000:100:Ann:/home/ann:/bin/bash\napp:x:990:990::/:/bin/sh\n' "$passwd" | put 644 /etc/passwd
    printf '%s\napp:x:990:\n' "$group" | put 644 /etc/group
    {
        echo '#!/bin/sh'
        echo 'mount -o remount,rw /'
        echo 'mkdir -p -m 0755 /var/lib/pkeys'
        cat "tests/nix/expected/script/activate.sh"
        echo 'exec /lib/systemd/systemd'
    } | put 755 /sbin/second-stage
    local program spec
    program=$(grep -ohm1 '/nix/store/[^ ]*/bin/pkeys-activate' tests/nix/expected/script/activate.sh | head -1)
    spec=$(grep -ohm1 '/nix/store/[^ ;]*-pkeys-spec.json' tests/nix/expected/script/activate.sh | head -1)
    put 755 "$program" < target/host/release/pkeys-activate
    put 444 "$spec" < tests/nix/expected/script/spec.json
    append="init=/sbin/second-stage"
}
expect_script() {
    has "file /run/pkeys-for-users/secrets/ann-password 400 root:root .*"
    has "file /run/pkeys/secrets/db-password 400 ann:users $(digest db-password-1)"
    has "file /run/pkeys/secrets/app-token 440 app:app $(token 1)"
    has "file /run/pkeys/secrets/tailscale-auth-key 440 app:app $(digest tskey-auth-1)"
    has "file /run/pkeys/templates/db.conf 4.0 root:app .*"
    has "mount /run/pkeys.d ramfs rw,nosuid,nodev,noexec,.*"
    has "consumed $(digest db-password-1)"
    has "login root"
}

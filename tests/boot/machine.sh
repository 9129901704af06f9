# shellcheck shell=bash disable=SC2154
# A Debian machine with what the NixOS module generated for the host `systemd`; booted in qemu without a network card.

cache=target/boot
expected=tests/nix/expected/systemd
fixtures=tests/nix/fixtures

# The base system, made once and kept.
base() {
    local suite
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    mkdir -p "$cache"
    if [ ! -s "$cache/base-$suite.tar" ]; then
        local sources=()
        [ -s /etc/apt/sources.list.d/debian.sources ] && sources=(/etc/apt/sources.list.d/debian.sources)
        mmdebstrap --quiet --format=tar --variant=apt \
            --include=systemd-sysv,udev,dbus,openssh-server,openssh-client,linux-image-cloud-amd64,initramfs-tools \
            --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            "$suite" "$cache/base.tmp" "${sources[@]}"
        mv "$cache/base.tmp" "$cache/base-$suite.tar"
    fi
    if [ ! -e "$cache/base/.whole" ]; then
        rm -rf "$cache/base"
        mkdir "$cache/base"
        tar -C "$cache/base" -xf "$cache/base-$suite.tar"
        touch "$cache/base/.whole"
    fi
}

# put MODE PATH: a file of the machine, from standard input. Never through a hard link of the base.
put() {
    rm -f "$tree$2"
    install -D -m "$1" /dev/stdin "$tree$2"
}

# bundle NAME PATH: a bundle of the fixtures.
bundle() {
    local file
    for file in manifest.json manifest.json.sig secrets.age; do
        put 644 "$2/$file" < "$fixtures/bundles/$1/$file"
    done
}

# The machine's files in $tree: the base, the generated units and spec, the fixtures' keys, what reports.
prepare_machine() {
    rm -rf "$tree"
    cp -al "$cache/base" "$tree"
    local program spec
    program=$(grep -ohm1 '/nix/store/[^ ]*/bin/pkeys-activate' "$expected/units/pkeys-activate.service")
    spec=$(grep -ohm1 '/nix/store/[^ ]*-pkeys-spec.json' "$expected/units/pkeys-activate.service")
    closure=$(jq -r '.bundles[0]' "$expected/spec.json")
    put 755 "$program" < target/host/release/pkeys-activate
    put 444 "$spec" < "$expected/spec.json"
    bundle web "$closure"
    cp -a "$expected/units/." "$tree/etc/systemd/system/"
    printf '[Unit]\nDescription=As in NixOS\n' | put 644 /etc/systemd/system/sysinit-reactivation.target

    put 644 /etc/systemd/system/report.service < tests/boot/guest/report.service
    put 755 /usr/local/lib/boot-test/report.sh < tests/boot/guest/report.sh
    put 644 /etc/systemd/system/consumer.service < tests/boot/guest/consumer.service
    put 644 /etc/systemd/system/systemd-sysusers.service.d/password.conf < tests/boot/guest/sysusers-password.conf
    put 644 /etc/systemd/system/app.service.d/state.conf < tests/boot/guest/app-state.conf
    systemctl --root="$PWD/$tree" --quiet enable pkeys-activate pkeys-activate-users pkeys-receive.socket pkeys-report.socket app early consumer report ssh

    # It would hang up the console that the report writes to.
    systemctl --root="$PWD/$tree" --quiet mask serial-getty@ttyS0.service

    # The login that may push, as the module makes it.
    echo 'u pkeys - "Push" / /bin/sh' | put 644 /etc/sysusers.d/pkeys.conf
    put 644 /etc/ssh/authorized_keys.d/pkeys < "$expected/authorized_keys.d/pkeys"
    local path
    path=$(sed -n 's/^Environment=PATH=//p' "$expected/units/pkeys-receive@.service")
    mkdir -p "$tree$path"
    ln -s /usr/bin/systemctl "$tree$path/systemctl"

    echo 'u ann - "Ann" /home/ann /bin/bash' | put 644 /etc/sysusers.d/ann.conf
    printf '[Journal]\nStorage=persistent\nCompress=no\n' | put 644 /etc/systemd/journald.conf.d/plain.conf
    echo '/dev/vda / ext4 defaults 0 1' | put 644 /etc/fstab
    put 600 /etc/ssh/ssh_host_ed25519_key < "$fixtures/keys/host"
    put 644 /etc/ssh/ssh_host_ed25519_key.pub < "$fixtures/keys/host.pub"
    put 644 /etc/ssh/sshd_config.d/pkeys.conf < "$expected/sshd_config"
    put 600 /root/login < "$fixtures/keys/ann"
    # The way in that does not depend on pkeys.
    put 600 /root/.ssh/authorized_keys < "$fixtures/keys/ann.pub"
    chmod 700 "$tree/root/.ssh"
}

# Boots $tree; what it reports is in $said.
boot() {
    local image=$tree.img kernel initrd
    kernel=$(echo "$tree"/boot/vmlinuz-*)
    initrd=$(echo "$tree"/boot/initrd.img-*)
    rm -f "$image"
    mke2fs -q -t ext4 -d "$tree" -F "$image" 1G
    timeout 900 qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 1 -m 768 -nic none \
        -display none -monitor none -serial "file:$tree.console" -kernel "$kernel" -initrd "$initrd" \
        -append "root=/dev/vda ro console=ttyS0 quiet panic=-1 ${append:-}" \
        -drive "file=$image,if=virtio,format=raw" < /dev/null || true
    tr -d '\r' < "$tree.console" | grep '^@@ ' | sed 's/^@@ //' > "$said" || true
}

#!/bin/sh
# Runs inside the machine when it is up; says on the serial console what is there. Never a secret: digests.
exec > /dev/ttyS0 2>&1
# Not echo: it would make line breaks of what JSON has escaped.
say() { printf '@@ %s\n' "$*"; }
systemctl is-system-running --wait > /tmp/state 2>/dev/null
boot=$(cat /var/lib/boots 2>/dev/null || echo 0)
boot=$((boot + 1))
echo "$boot" > /var/lib/boots
say "boot $boot"
for file in /run/pkeys/*/* /run/pkeys-for-users/*/*; do
    [ -f "$file" ] || continue
    say "file $file $(stat -c '%a %U:%G' "$file") $(sha256sum < "$file" | cut -c1-16)"
done
for mount in /run/pkeys.d /run/pkeys-for-users.d; do
    say "mount $mount $(findmnt -n -o FSTYPE,OPTIONS "$mount" | tr -s " ")"
done
say "link $(readlink /etc/tailscale/auth-key)"
for unit in pkeys-activate-users pkeys-activate consumer app early systemd-sysusers; do
    say "unit $unit $(systemctl show -P ActiveState "$unit") $(systemctl show -P ExecMainStatus "$unit")"
done
started() { systemctl show -P "$2" "$1"; }
[ "$(started pkeys-activate-users ExecMainExitTimestampMonotonic)" -gt 0 ] &&
    [ "$(started pkeys-activate-users ExecMainExitTimestampMonotonic)" -lt "$(started systemd-sysusers ExecMainStartTimestampMonotonic)" ] &&
    say "order secrets-before-users"
[ "$(started pkeys-activate ExecMainExitTimestampMonotonic)" -gt 0 ] &&
    [ "$(started pkeys-activate ExecMainExitTimestampMonotonic)" -lt "$(started consumer ExecMainStartTimestampMonotonic)" ] &&
    say "order secrets-before-services"
say "consumed $(cat /var/lib/consumer 2>/dev/null)"
say "credential $(cat /var/lib/private/app/token 2>/dev/null)"
[ -e /run/pkeys-for-users/secrets/ann-password ] &&
    [ "$(getent shadow ann | cut -d: -f2)" = "$(cat /run/pkeys-for-users/secrets/ann-password)" ] &&
    say "password ann"
for user in root ann; do
    ssh -i /root/login -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        "$user@127.0.0.1" true && say "login $user"
done
if [ -e /root/push.tar ]; then
    push() {
        ssh -i /root/login -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
            -o LogLevel=ERROR pkeys@127.0.0.1 "$@" < /root/push.tar
    }
    before=$(systemctl show -P InvocationID app)
    say "push $(push)"
    token=/run/pkeys/secrets/app-token
    say "pushed app-token $(stat -c '%a %U:%G' "$token") $(sha256sum < "$token" | cut -c1-16)"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(systemctl show -P InvocationID app)" != "$before" ] && [ "$(systemctl is-active app)" = active ] && break
        sleep 1
    done
    [ "$(systemctl show -P InvocationID app)" != "$before" ] &&
        say "pushed app.service restarted with $(cat /var/lib/private/app/token)"
    push 'touch /tmp/pwned' > /tmp/refused 2>&1
    [ ! -e /tmp/pwned ] && grep -q 'and nothing else' /tmp/refused && say "pushed a shell is refused"
    say "push again $(push)"
    say "told $(push 'pkeys-activate report')"
    journalctl -b -o cat -u 'pkeys-receive@*' | sed 's/^/@@ receive /'
fi
journalctl -b -o cat -u pkeys-activate -u pkeys-activate-users -t pkeys-activate | sed 's/^/@@ journal /'
say "cycles $(journalctl -q -o cat --no-pager | grep -c 'ordering cycle')"
say "time $(systemd-analyze blame --no-pager 2>/dev/null | grep pkeys-activate.service)"
say "state $(cat /tmp/state) $(systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\n' ' ')"
if [ "$boot" -lt "$(cat /etc/boots 2>/dev/null || echo 1)" ]; then
    say "rebooting"
    systemctl --no-block reboot
else
    say "done"
    systemctl --no-block poweroff
fi

#### users
# makes the users

#### groups
# nothing: groups are made with the users

#### specialfs
# mounts /proc, /dev and /run

#### etc
# sets up /etc

#### pkeys-dry-activate (also at dry-activate)
if [ "${NIXOS_ACTION-}" = dry-activate ]; then
  /nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase services --spec /nix/store/7c7e655206d060c9be74fce6c5995ac8-pkeys-spec.json --dry-run || true
fi

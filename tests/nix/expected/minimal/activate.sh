#### users
# makes the users

#### groups
# nothing: groups are made with the users

#### specialfs
# mounts /proc, /dev and /run

#### etc
# sets up /etc

#### pkeys (also at dry-activate)
if [ "${NIXOS_ACTION-}" = dry-activate ]; then
  /nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase services --spec /nix/store/89d1cdd505e623b827f5dfe10f70d1a1-pkeys-spec.json --dry-run || true
else
  (/nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase services --spec /nix/store/89d1cdd505e623b827f5dfe10f70d1a1-pkeys-spec.json; status=$?; [ "$status" -eq 4 ] || exit "$status")
fi

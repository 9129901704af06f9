#### specialfs
# mounts /proc, /dev and /run

#### pkeys-for-users (also at dry-activate)
if [ "${NIXOS_ACTION-}" = dry-activate ]; then
  PATH="/nix/store/dc5be066fa33f96e47bc8b1ce83a4e9a-age-plugin-tpm/bin:$PATH" /nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase users --spec /nix/store/1709f44b477c3e16234b37cbafc0fde8-pkeys-spec.json --dry-run || true
else
  (PATH="/nix/store/dc5be066fa33f96e47bc8b1ce83a4e9a-age-plugin-tpm/bin:$PATH" /nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase users --spec /nix/store/1709f44b477c3e16234b37cbafc0fde8-pkeys-spec.json; status=$?; [ "$status" -eq 4 ] || exit "$status")
fi

#### users
# makes the users

#### groups
# nothing: groups are made with the users

#### etc
# sets up /etc

#### pkeys (also at dry-activate)
if [ "${NIXOS_ACTION-}" = dry-activate ]; then
  PATH="/nix/store/dc5be066fa33f96e47bc8b1ce83a4e9a-age-plugin-tpm/bin:$PATH" /nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase services --spec /nix/store/1709f44b477c3e16234b37cbafc0fde8-pkeys-spec.json --dry-run || true
else
  (PATH="/nix/store/dc5be066fa33f96e47bc8b1ce83a4e9a-age-plugin-tpm/bin:$PATH" /nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate install --phase services --spec /nix/store/1709f44b477c3e16234b37cbafc0fde8-pkeys-spec.json; status=$?; [ "$status" -eq 4 ] || exit "$status")
fi

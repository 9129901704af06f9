/nix/store/cd48b0f972a29ae362c1c75e907fd917-pkeys-activate/bin/pkeys-activate check-spec "$specPath"
cp "$specPath" "$out"

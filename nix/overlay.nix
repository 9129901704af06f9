# Both programs, as packages of nixpkgs.
final: _: {
  pkeys = final.callPackage ./pkeys.nix { };
  pkeys-activate = final.callPackage ./pkeys-activate.nix { };
}

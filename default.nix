# Without flakes: `(import ./default.nix { inherit pkgs; }).nixosModule`, `.pkeys`, `.pkeys-activate`, `.overlay`.
{
  pkgs ? import <nixpkgs> { },
}:
{
  pkeys = pkgs.callPackage ./nix/pkeys.nix { };
  pkeys-activate = pkgs.callPackage ./nix/pkeys-activate.nix { };
  overlay = import ./nix/overlay.nix;
  nixosModule = ./nix-module;
}

{
  description = "Secrets and SSH keys for NixOS hosts: sealed and signed by the operator, opened at boot with no network";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      each = systems: of: lib.genAttrs systems (system: of nixpkgs.legacyPackages.${system});
      linux = each [
        "x86_64-linux"
        "aarch64-linux"
      ];
      everywhere = each [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
    in
    {
      nixosModules.default = ./nix-module;
      overlays.default = import ./nix/overlay.nix;

      packages = everywhere (
        pkgs:
        {
          default = pkgs.callPackage ./nix/pkeys.nix { };
          pkeys = pkgs.callPackage ./nix/pkeys.nix { };
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          pkeys-activate = pkgs.callPackage ./nix/pkeys-activate.nix { };
        }
      );

      checks = linux (
        pkgs:
        {
          inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) pkeys pkeys-activate;
        }
        // import ./tests/nix/checks.nix { inherit pkgs; }
      );

      devShells = linux (pkgs: {
        default = pkgs.callPackage ./nix/shell.nix { };
      });
      formatter = everywhere (pkgs: pkgs.nixfmt-tree);
    };
}

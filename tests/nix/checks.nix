# For `nix flake check`: the module with real nixpkgs, and in virtual machines.
{ pkgs }:
let
  inherit (pkgs) lib;
  evaluated = import ./evaluate.nix { nixpkgsLib = toString pkgs.path + "/lib"; };
  all = tests: builtins.filter (name: tests.${name} != true) (builtins.attrNames tests);
  failed = import ./pure.nix ++ all evaluated.good ++ all evaluated.bad;

  # A whole NixOS with the module; building the spec checks it.
  spec =
    module:
    (pkgs.nixos {
      imports = [
        ../../nix-module
        module
      ];
      networking.hostName = "web";
      services.openssh.enable = true;
      system.stateVersion = lib.trivial.release;
    }).config.pkeys.internal.spec;

  machines = lib.mapAttrs (_: pkgs.testers.runNixOSTest) {
    vm-secrets-script = import ./vm/secrets.nix { useSystemdActivation = false; };
    vm-secrets-unit = import ./vm/secrets.nix { useSystemdActivation = true; };
    vm-restart-script = import ./vm/restart.nix { useSystemdActivation = false; };
    vm-restart-unit = import ./vm/restart.nix { useSystemdActivation = true; };
    vm-passwords-script = import ./vm/passwords.nix {
      name = "script";
      users = { };
    };
    vm-passwords-sysusers = import ./vm/passwords.nix {
      name = "sysusers";
      users = {
        systemd.sysusers.enable = true;
        users.mutableUsers = true;
        # It makes no others.
        users.users.ann = {
          isNormalUser = false;
          isSystemUser = true;
          group = "users";
        };
      };
    };
    vm-passwords-userborn = import ./vm/passwords.nix {
      name = "userborn";
      users = {
        services.userborn.enable = true;
        users.mutableUsers = false;
      };
    };
  };
in
{
  module =
    if failed == [ ] then
      pkgs.runCommand "pkeys-module" { spec = spec ./hosts/minimal.nix; } ''cp "$spec" "$out"''
    else
      throw "the module's tests fail: ${toString failed}";
}
// machines

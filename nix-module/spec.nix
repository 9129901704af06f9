# The spec for `pkeys-activate install` (docs/spec.md), checked when the system is built.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.pkeys;
  files = import ./files.nix { inherit lib; };
  entries = list: what: lib.listToAttrs (map (file: lib.nameValuePair file.name (what file)) list);

  spec = {
    version = 1;
    inherit (cfg) host trustedSigners keepGenerations;
    inherit (cfg.internal) bundles;
    identities = map toString cfg.identityPaths;
    ${if cfg.fleet == null then null else "fleet"} = cfg.fleet;
    secrets = entries cfg.internal.secrets (
      secret: files.spec secret // lib.optionalAttrs secret.neededForUsers { phase = "users"; }
    );
    ${if cfg.hostKeyPath == null then null else "hostKey"} = {
      path = toString cfg.hostKeyPath;
      # Socket-activated, sshd reads its keys for each login.
      reloadUnits = lib.optional (!config.services.openssh.startWhenNeeded) "sshd.service";
    };
    templates = entries cfg.internal.templates (
      template: files.spec template // { content = template.text; }
    );
  };

  # A program for another machine cannot be run where the system is built.
  runnable = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
in
{
  config = {
    pkeys.internal.spec =
      pkgs.runCommand "pkeys-spec.json"
        {
          spec = builtins.toJSON spec;
          passAsFile = [ "spec" ];
        }
        ''
          ${lib.optionalString runnable ''${lib.getExe' cfg.package "pkeys-activate"} check-spec "$specPath"''}
          cp "$specPath" "$out"
        '';

    # The same place on every host, for people and for `pkeys push`.
    environment = lib.mkIf cfg.enable {
      etc."pkeys/spec.json".source = cfg.internal.spec;
      systemPackages = [ cfg.package ];
    };
  };
}

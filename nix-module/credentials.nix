# `pkeys.credentials`: secrets as systemd credentials, also for services whose user exists only while they run.
{ config, lib, ... }:
let
  cfg = config.pkeys;
in
{
  options.pkeys.credentials = lib.mkOption {
    type = lib.types.attrsOf (lib.types.listOf lib.types.str);
    default = { };
    example = {
      app = [ "app-token" ];
    };
    description = ''
      Secrets for services, by the service's name: each gets `LoadCredential=` for them and starts after they are
      installed. The service finds a secret at `$CREDENTIALS_DIRECTORY/NAME`, whoever its user is (`DynamicUser=`). A
      running service keeps what it started with; for a restart on change, set the secret's `restartUnits`.
    '';
  };

  config.systemd.services = lib.mkIf cfg.enable (
    lib.mapAttrs (
      _: names:
      lib.mkMerge [
        {
          serviceConfig.LoadCredential = map (name: cfg.secrets.${name}.credential) (
            builtins.filter (name: cfg.secrets ? ${name}) names
          );
        }
        (lib.mkIf cfg.useSystemdActivation {
          wants = [ "pkeys-activate.service" ];
          after = [ "pkeys-activate.service" ];
        })
      ]
    ) cfg.credentials
  );
}

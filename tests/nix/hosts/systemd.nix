# Systemd makes the users and installs the secrets; a service has a user only while it runs.
{ config, ... }:
{
  systemd.sysusers.enable = true;
  users.users.ann = {
    group = "users";
    hashedPasswordFile = config.pkeys.secrets.ann-password.path;
  };
  users.groups.users = { };

  pkeys = {
    enable = true;
    bundle = ../fixtures/bundles/web;
    trustedSigners = [ (import ../signer.nix) ];
    secrets = {
      ann-password.neededForUsers = true;
      app-token = {
        restartUnits = [ "app.service" ];
        owner = "ann";
      };
      tailscale-auth-key.path = "/etc/tailscale/auth-key";
    };
    templates."app.env".content = "TOKEN=${config.pkeys.placeholder.app-token}\n";
    credentials.app = [
      "app-token"
      "db-password"
    ];
    push.authorizedKeys = [ (import ../login.nix) ];
    extraUnitsRequire = [ "early.service" ];
    authorizedKeys.enable = false;
    users.ann.authorizedKeys.enable = true;
  };

  systemd.services.app = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      DynamicUser = true;
      ExecStart = "/bin/sh -c 'test -s %d/app-token'";
    };
  };
  systemd.services.early = {
    wantedBy = [ "sysinit.target" ];
    unitConfig.DefaultDependencies = false;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/bin/sh -c 'test -s /etc/tailscale/auth-key'";
    };
  };
}

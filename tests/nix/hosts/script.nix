# Every option, with the activation script.
{ config, pkgs, ... }:
{
  users = {
    users.ann = {
      isNormalUser = true;
      hashedPasswordFile = config.pkeys.secrets.ann-password.path;
    };
    users.app = {
      group = "app";
    };
    groups.app = { };
  };

  pkeys = {
    enable = true;
    package = pkgs.pkeys-activate;
    useSystemdActivation = false;
    host = "web";
    bundle = ../fixtures/bundles/web;
    trustedSigners = [ (import ../signer.nix) ];
    identityPaths = [
      /etc/ssh/ssh_host_ed25519_key
      "/var/lib/age/identity.txt"
    ];
    plugins = [ pkgs.age-plugin-tpm ];
    keepGenerations = 3;
    defaults = {
      owner = "app";
      group = "app";
      mode = "0440";
    };
    secrets = {
      ann-password.neededForUsers = true;
      token = {
        name = "app-token";
        path = "/etc/app/token";
        symlinks = [ "/var/lib/app/token" ];
        restartUnits = [
          "app.service"
          "worker@1.service"
        ];
      };
      db-password = {
        uid = 1000;
        gid = 100;
        mode = "400";
        reloadUnits = [ "db.service" ];
      };
    };
    templates = {
      "app.env" = {
        content = "TOKEN=${config.pkeys.placeholder.token}\n";
        restartUnits = [ "app.service" ];
      };
      "db.conf" = {
        file = ../fixtures/db.conf.in;
        path = "/etc/db.conf";
        owner = "root";
        reloadUnits = [ "db.service" ];
      };
    };
    users.guest.authorizedKeys.enable = false;
  };
  services.tailscale.authKeyFile = config.pkeys.secrets.tailscale-auth-key.path;
}

# Configurations over the minimal host, and what must hold of them.
{ lib }:
let
  silent = config: builtins.all (one: one.assertion) config.assertions && config.warnings == [ ];
  start = config: config.systemd.services.pkeys-activate.serviceConfig.ExecStart;
in
{
  a-secret-needs-no-declaration.holds =
    config: silent config && config.pkeys.secrets.app-token.path == "/run/pkeys/secrets/app-token";

  keys-of-the-bundle-are-enough = {
    module.users.users.ann.openssh.authorizedKeys.pkeys = lib.mkMerge [
      true
      false
    ];
    holds = silent;
  };

  credential-gives-the-line.holds =
    config: config.pkeys.secrets.app-token.credential == "app-token:/run/pkeys/secrets/app-token";

  nothing-happens-when-it-is-off = {
    module.pkeys.enable = lib.mkForce false;
    holds =
      config:
      silent config
      && !(config.system.activationScripts ? pkeys)
      && config.systemd.services == { }
      &&
        config.services.openssh.extraConfig
        == "AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/authorized_keys.d/%u\n";
  };

  without-a-bundle-names-are-declared = {
    module.pkeys = {
      bundle = lib.mkForce null;
      fleet = "5b0e6cf5b7a5464a8a2f6d1f3f3e0c11";
      secrets.tailscale-auth-key = { };
      secrets.pushed.restartUnits = [ "app.service" ];
    };
    holds =
      config:
      silent config
      && config.pkeys.secrets.pushed.path == "/run/pkeys/secrets/pushed"
      && !(config.systemd.services ? app)
      && lib.hasInfix ''"bundles":["/var/lib/pkeys/bundle"]'' config.pkeys.internal.spec.environment.spec;
  };

  the-spec-changes-with-the-bundle = {
    module.pkeys.bundle = lib.mkForce ./fixtures/bundles/web-next;
    holds = config: silent config && !lib.hasInfix (toString ./fixtures) (start config);
  };

  encrypted-swap-is-fine = {
    module.swapDevices = [
      {
        device = "/dev/sda2";
        randomEncryption.enable = true;
      }
      { device = "/dev/mapper/swap"; }
    ];
    holds = silent;
  };

  an-identity-mounted-at-boot-is-fine = {
    module = {
      fileSystems."/persist".neededForBoot = true;
      pkeys.identityPaths = [ "/persist/key" ];
    };
    holds = silent;
  };

  the-unit-is-the-default = {
    holds =
      config:
      silent config
      && config.systemd.services ? pkeys-activate
      && !(config.system.activationScripts ? pkeys)
      && lib.hasInfix "--dry-run" config.system.activationScripts.pkeys-dry-activate.text;
  };

  the-script-can-be-chosen = {
    module.pkeys.useSystemdActivation = false;
    holds =
      config:
      silent config
      && config.systemd.services == { }
      && lib.hasInfix "--dry-run" config.system.activationScripts.pkeys.text;
  };

  userborn-waits-for-its-secrets = {
    module = {
      services.userborn.enable = true;
      pkeys.secrets.ann-password.neededForUsers = true;
    };
    holds =
      config:
      silent config
      && builtins.elem "userborn.service" config.systemd.services.pkeys-activate-users.before
      &&
        config.systemd.services.userborn.restartTriggers
        == [ "pkeys ann-password password-1 root root 0400" ];
  };

  a-template-unit-gets-a-drop-in = {
    module.pkeys.secrets.app-token.restartUnits = [ "worker@1.service" ];
    holds = config: config.systemd.services."worker@1".overrideStrategy == "asDropin";
  };

  timers-and-sockets-too = {
    module.pkeys.secrets.app-token.restartUnits = [
      "a.timer"
      "b.socket"
    ];
    holds = config: config.systemd.timers ? a && config.systemd.sockets ? b;
  };

  all-keys-can-be-off = {
    module.pkeys.authorizedKeys.enable = false;
    holds =
      config:
      config.services.openssh.extraConfig
      == "AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/authorized_keys.d/%u\n";
  };
}

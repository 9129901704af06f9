# Configurations that fail or warn, each over the minimal host: `fails` or `warns` is a part of the one thing said.
{ lib }:
let
  secret = name: settings: { pkeys.secrets.${name} = settings; };
  token = secret "app-token";
in
{
  unknown-secret = {
    module = secret "app-tokn" { };
    fails = "bundle of web does not. Did you mean `app-token`?\nIt has: ann-password, app-token, db-password, tailscale-auth-key.";
  };
  leading-hyphen = {
    module = secret "-token" { };
    fails = "`-token`, which cannot be the name of a secret";
  };
  other-host = {
    module.networking.hostName = "db";
    fails = "rendered for the host `web`, and this host is `db`";
  };
  other-fleet = {
    module.pkeys.fleet = "00000000000000000000000000000000";
    fails = "is of the fleet 5b0e6cf5b7a5464a8a2f6d1f3f3e0c11, and pkeys.fleet is 0000";
  };
  no-fleet-although-the-bundle-has-one = {
    module.pkeys.fleet = null;
    fails = "and pkeys.fleet is null";
  };
  no-fleet-and-no-bundle = {
    module.pkeys.bundle = lib.mkForce null;
    warns = "pkeys.fleet is not set";
  };
  no-signer = {
    module.pkeys.trustedSigners = lib.mkForce [ ];
    fails = "pkeys.trustedSigners is empty";
  };
  no-identity = {
    module.pkeys.identityPaths = [ ];
    fails = "pkeys.identityPaths is empty";
  };
  identity-in-the-store = {
    module.pkeys.identityPaths = [ "${builtins.storeDir}/00000000000000000000000000000000-key" ];
    fails = "in the Nix store, where everybody can read it";
  };
  identity-mounted-too-late = {
    module = {
      fileSystems."/persist" = { };
      pkeys.useSystemdActivation = false;
      pkeys.identityPaths = [ "/persist/key" ];
    };
    fails = "Set fileSystems.\"/persist\".neededForBoot = true";
  };
  script-although-systemd-makes-users = {
    module = {
      services.userborn.enable = true;
      pkeys.useSystemdActivation = false;
    };
    fails = "secrets would come before their owners";
  };
  one-secret-under-two-names = {
    module = {
      pkeys.secrets.a.name = "app-token";
      pkeys.secrets.b.name = "app-token";
    };
    fails = "has the secret `app-token` under two names";
  };
  one-path-for-two = {
    module = {
      pkeys.secrets.app-token.path = "/etc/x";
      pkeys.secrets.db-password.symlinks = [ "/etc/x" ];
    };
    fails = "/etc/x is claimed by two";
  };
  own-path = {
    module = token { path = "/run/pkeys"; };
    fails = "wants to be at /run/pkeys, which is pkeys' own";
  };
  owner-twice = {
    module = token {
      owner = "root";
      uid = 1;
    };
    fails = "both `owner` and `uid`";
  };
  group-twice = {
    module = token {
      group = "root";
      gid = 1;
    };
    fails = "both `group` and `gid`";
  };
  owner-turned-off = {
    module = {
      users.users.app.enable = false;
      pkeys.secrets.app-token.owner = "app";
    };
    fails = "users.users.app.enable turns off";
  };
  users-secret-of-somebody = {
    module = {
      users.users.app = { };
      pkeys.secrets.app-token = {
        neededForUsers = true;
        owner = "app";
      };
    };
    fails = "needed for users, and can belong to nobody but root";
  };
  template-without-text = {
    module.pkeys.templates.t = { };
    fails = "needs either `content` or `file`";
  };
  template-with-a-bad-name = {
    module.pkeys.templates."a/b".content = "";
    fails = "`a/b`, which cannot be the name of a template";
  };
  template-of-an-unknown-secret = {
    module.pkeys.templates.t.content = "@pkeys:app-tokn@";
    fails = "uses the secret `app-tokn`, which is not there. Did you mean `app-token`?";
  };
  credential-of-an-unknown-secret = {
    module.pkeys.credentials.app = [ "db-pasword" ];
    fails = "credentials.app has `db-pasword`, which is not there. Did you mean `db-password`?";
  };

  login-without-keys = {
    module.users.users.bob.openssh.authorizedKeys.pkeys = true;
    fails = "bob logs in with the keys that pkeys has, and the bundle of web has none";
  };
  login-without-pkeys = {
    module = {
      users.users.ann.openssh.authorizedKeys.pkeys = true;
      pkeys.enable = lib.mkForce false;
    };
    fails = "pkeys.enable is off";
  };
  login-without-a-bundle = {
    module = {
      users.users.ann.openssh.authorizedKeys.pkeys = true;
      pkeys.bundle = lib.mkForce null;
      pkeys.fleet = "5b0e6cf5b7a5464a8a2f6d1f3f3e0c11";
    };
    fails = "pkeys.bundle is not set";
  };
  login-turned-off = {
    module = {
      users.users.ann.openssh.authorizedKeys.pkeys = true;
      pkeys.users.ann.authorizedKeys.enable = false;
    };
    fails = "pkeys.users.ann.authorizedKeys.enable is off";
  };
  login-with-other-files-forced = {
    module = {
      users.users.ann.openssh.authorizedKeys.pkeys = true;
      services.openssh.authorizedKeysFiles = lib.mkForce [ "/etc/ssh/authorized_keys.d/%u" ];
    };
    fails = "authorizedKeysFiles is forced to others";
  };

  unknown-owner = {
    module = token { owner = "app"; };
    warns = "secrets.app-token should belong to app, whom users.users does not declare";
  };
  dynamic-owner = {
    module = {
      systemd.services.app.serviceConfig.DynamicUser = true;
      pkeys.secrets.app-token.owner = "app";
    };
    warns = "use pkeys.credentials.app.";
  };
  unknown-group = {
    module = token { group = "app"; };
    warns = "the group app, which users.groups does not declare";
  };
  password-in-the-store = {
    module.users.users.ann.initialPassword = "hunter2";
    warns = "users.users.ann has `password` or `initialPassword`";
  };
  plain-swap = {
    module.swapDevices = [ { device = "/dev/sda2"; } ];
    warns = "swapDevices has /dev/sda2 without encryption";
  };
  plain-swap-file = {
    module.swapDevices = [ { device = "/swapfile"; } ];
    warns = "swapDevices has /swapfile without encryption";
  };
}

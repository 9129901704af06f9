# What cannot be, said while the configuration is evaluated.
{ config, lib, ... }:
let
  cfg = config.pkeys;
  own = import ./lib.nix;
  inherit (cfg.internal) manifest secrets templates;
  available = map (entry: entry.name) manifest.secrets;
  declared = map (secret: secret.name) secrets;
  files =
    map (secret: secret // { what = "pkeys.secrets.${secret.attribute}"; }) secrets
    ++ map (template: template // { what = "pkeys.templates.${template.name}"; }) templates;

  never = message: {
    assertion = false;
    inherit message;
  };
  # One failure for each member of `list` that is not `good`.
  each =
    list: good: message:
    map (member: never (message member)) (builtins.filter (member: !good member) list);

  has =
    if available == [ ] then "It has none." else "It has: ${lib.concatStringsSep ", " available}.";

  mountPoint = own.mountPointOf (builtins.attrNames config.fileSystems);
  bootPoints = [
    "/"
    "/nix"
    "/nix/store"
    "/var"
    "/var/log"
    "/var/lib"
    "/var/lib/nixos"
    "/etc"
    "/usr"
  ];
  early = !cfg.useSystemdActivation || lib.any (secret: secret.neededForUsers) secrets;
  mounted =
    path:
    let
      point = mountPoint (toString path);
    in
    point == null || builtins.elem point bootPoints || config.fileSystems.${point}.neededForBoot;

  enabled = user: (config.users.users.${user} or { }).enable or true;
  rootOwned =
    secret: (secret.owner == "root" || secret.uid == 0) && (secret.group == "root" || secret.gid == 0);

  nameRule = "A name has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 128 of them.";
  reserved = [
    "/run/pkeys"
    "/run/pkeys.d"
    "/run/pkeys-for-users"
    "/run/pkeys-for-users.d"
  ];
in
{
  config.assertions = lib.mkIf cfg.enable (
    lib.optional (manifest.host != cfg.host) (never ''
      pkeys.bundle was rendered for the host `${manifest.host}`, and this host is `${cfg.host}`.
      Use bundles/${cfg.host}, or set pkeys.host.'')
    ++ lib.optional (manifest ? fleet && cfg.fleet != manifest.fleet) (never ''
      pkeys.bundle is of the fleet ${manifest.fleet}, and pkeys.fleet is ${
        if cfg.fleet == null then "null" else cfg.fleet
      }.
      Use the bundle of this repository, or remove pkeys.fleet.'')
    ++ lib.optional (cfg.trustedSigners == [ ]) (never ''
      pkeys.trustedSigners is empty: no bundle would be valid.
      Put in the public keys that [signers] of pkeys.toml has.'')
    ++ lib.optional (cfg.identityPaths == [ ]) (never ''
      pkeys.identityPaths is empty: nothing could open the bundle.
      Set services.openssh.hostKeys, or name the file of an age identity.'')
    ++ each cfg.identityPaths (path: !own.isBelow builtins.storeDir (toString path)) (path: ''
      pkeys.identityPaths has ${toString path}, which is in the Nix store, where everybody can read it.
      Name a file on the host, as a string. Is that key secret still? If not, replace it.'')
    ++ lib.optionals early (
      each cfg.identityPaths mounted (path: ''
        pkeys.identityPaths has ${toString path}, which is not mounted yet when it is needed.
        Set fileSystems."${mountPoint (toString path)}".neededForBoot = true.'')
    )
    ++ lib.optional (!cfg.useSystemdActivation && cfg.internal.usersUnit != null) (never ''
      pkeys.useSystemdActivation is off, and systemd makes the users: secrets would come before their owners.
      Remove the setting.'')
    ++ each declared own.isName (name: ''
      pkeys.secrets has `${name}`, which cannot be the name of a secret.
      ${nameRule}'')
    ++ lib.optionals (cfg.bundle != null) (
      each (builtins.filter own.isName declared) (name: builtins.elem name available) (name: ''
        pkeys.secrets has `${name}`, and the bundle of ${cfg.host} does not.${own.didYouMean name available}
        ${has} To add it, give ${cfg.host} the secret in pkeys.toml and run `pkeys render ${cfg.host}`.'')
    )
    ++ each (builtins.attrNames cfg.internal.secretGroups) (
      name: builtins.length cfg.internal.secretGroups.${name} == 1
    ) (name: "pkeys.secrets has the secret `${name}` under two names. Keep one of them.")
    ++ each templates (template: own.isName template.name) (template: ''
      pkeys.templates has `${template.name}`, which cannot be the name of a template.
      ${nameRule}'')
    ++ each templates (template: (template.content == null) != (template.file == null)) (
      template: "pkeys.templates.${template.name} needs either `content` or `file`."
    )
    ++ lib.concatMap (
      template:
      each (own.unique (own.placeholdersIn template.text)) (name: builtins.elem name declared) (
        name:
        "pkeys.templates.${template.name} uses the secret `${name}`, which is not there.${own.didYouMean name declared}"
      )
    ) templates
    ++ map (path: never "${path} is claimed by two secrets or templates of pkeys, or twice by one.") (
      own.duplicates (lib.concatMap own.linksOf files)
    )
    ++ lib.concatMap (
      file:
      lib.optional (file.owner != null && file.uid != null) (
        never "${file.what} has both `owner` and `uid`."
      )
      ++ lib.optional (file.group != null && file.gid != null) (
        never "${file.what} has both `group` and `gid`."
      )
      ++ lib.optional (file.owner != null && !enabled file.owner) (
        never "${file.what} belongs to ${file.owner}, whom users.users.${file.owner}.enable turns off."
      )
    ) files
    ++ lib.concatMap (
      file:
      each (own.linksOf file) (path: !lib.any (place: own.isBelow place path) reserved) (
        path: "${file.what} wants to be at ${path}, which is pkeys' own. Leave `path` away."
      )
    ) files
    ++ each secrets (secret: !secret.neededForUsers || rootOwned secret) (
      secret: "pkeys.secrets.${secret.attribute} is needed for users, and can belong to nobody but root."
    )
    ++ lib.concatMap (
      service:
      each cfg.credentials.${service} (name: cfg.secrets ? ${name}) (
        name:
        "pkeys.credentials.${service} has `${name}`, which is not there.${own.didYouMean name (builtins.attrNames cfg.secrets)}"
      )
    ) (builtins.attrNames cfg.credentials)
  );
}

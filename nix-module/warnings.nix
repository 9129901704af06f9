# What works and is probably not meant.
{ config, lib, ... }:
let
  cfg = config.pkeys;
  own = import ./lib.nix;
  inherit (cfg.internal) manifest secrets templates;
  accounts = config.users.users;
  names = set: lib.mapAttrsToList (attribute: member: member.name or attribute) set;

  files =
    map (secret: secret // { what = "pkeys.secrets.${secret.attribute}"; }) secrets
    ++ map (template: template // { what = "pkeys.templates.${template.name}"; }) templates;
  owners = own.unique (builtins.filter (owner: owner != null) (map (file: file.owner) files));
  groups = own.unique (builtins.filter (group: group != null) (map (file: file.group) files));
  filesOf =
    part: name:
    lib.concatMapStringsSep ", " (file: file.what) (builtins.filter (file: file.${part} == name) files);
  dynamic = user: (config.systemd.services.${user} or { }).serviceConfig.DynamicUser or false;

  managed = builtins.filter (
    user: manifest.authorized_keys.${user} != [ ] && cfg.users.${user}.authorizedKeys.enable
  ) (builtins.attrNames manifest.authorized_keys);
  hasPassword =
    user:
    let
      account = accounts.${user} or { };
    in
    (account.password or null) != null || (account.initialPassword or null) != null;

  # Nobody can see in a configuration what is below a mapped device, or a swap file's file system.
  maybeEncrypted =
    swap:
    swap.randomEncryption.enable or false
    || swap.encrypted.enable or false
    || lib.any (prefix: lib.hasPrefix prefix swap.device) [
      "/dev/mapper/"
      "/dev/zram"
    ]
    || (!lib.hasPrefix "/dev/" swap.device && config.boot.initrd.luks.devices != { });
  plainSwap = builtins.filter (swap: !maybeEncrypted swap) config.swapDevices;
in
{
  config.warnings = lib.mkIf cfg.enable (
    map
      (owner: ''
        ${filesOf "owner" owner} should belong to ${owner}, whom users.users does not declare. If there is no such user at
        boot, it stays root's, and has no links.${lib.optionalString (dynamic owner) " The user of a DynamicUser service is made when it starts: use pkeys.credentials.${owner}."}'')
      (builtins.filter (owner: !builtins.elem owner (names accounts)) owners)
    ++
      map
        (group: ''
          ${filesOf "group" group} should belong to the group ${group}, which users.groups does not declare. If there is no
          such group at boot, it stays root's, and has no links.'')
        (builtins.filter (group: !builtins.elem group (names config.users.groups)) groups)
    ++
      map
        (user: ''
          users.users.${user} has `password` or `initialPassword`, which is readable in the Nix store, beside SSH keys that
          pkeys manages. Remove it, or use hashedPasswordFile with a secret that is neededForUsers.'')
        (builtins.filter hasPassword managed)
    ++ map (swap: ''
      swapDevices has ${swap.device} without encryption: what services keep of secrets in their memory may be written
      there. Set randomEncryption.enable = true, or use zramSwap.'') plainSwap
    ++ lib.optional (cfg.bundle == null && cfg.fleet == null) ''
      pkeys.fleet is not set, and there is no pkeys.bundle to take it from: pushed bundles are refused, unless they are of
      the first format. Set it to the `fleet` of pkeys.toml.''
  );
}

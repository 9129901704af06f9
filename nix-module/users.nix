# SSH logins with the keys of the bundle's manifest: sshd reads `/run/pkeys/authorized_keys/USER` too.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.pkeys;
  everybody = cfg.authorizedKeys.enable;
  file = "/run/pkeys/authorized_keys/%u";
  others = builtins.filter (other: other != file) config.services.openssh.authorizedKeysFiles;

  # Users for whom it is not as for everybody.
  exceptions = builtins.attrNames (
    lib.filterAttrs (_: user: user.authorizedKeys.enable != everybody) cfg.users
  );

  user.options.authorizedKeys.enable = mkOption {
    type = types.bool;
    default = everybody;
    defaultText = lib.literalExpression "config.pkeys.authorizedKeys.enable";
    example = false;
    description = "Whether sshd accepts the keys that the bundle has for this user.";
  };

  # `users.users.NAME.openssh.authorizedKeys.pkeys`, beside NixOS's `keys`. Set twice, one `true` is enough.
  adopted.options.openssh.authorizedKeys.pkeys = mkOption {
    type = types.bool // {
      merge = _: lib.any (definition: definition.value);
    };
    default = false;
    description = ''
      Whether this user logs in with the keys that the bundle has for them. It adds nothing to what sshd does; but where
      the bundle has no key for them, the configuration fails to build instead of locking them out. `pkeys adopt` puts it
      in the place of keys.
    '';
  };
  declared = builtins.filter (user: config.users.users.${user}.openssh.authorizedKeys.pkeys) (
    builtins.attrNames config.users.users
  );
  # Why a user who logs in with the bundle's keys could not; null if nothing is wrong.
  trouble =
    user:
    if !cfg.enable then
      "pkeys.enable is off. Turn it on, or give the user keys here."
    else if cfg.bundle == null then
      "pkeys.bundle is not set, so nobody can see whether it has any. Set it to ./bundles/${cfg.host}."
    else if (cfg.internal.manifest.authorized_keys.${user} or [ ]) == [ ] then
      "the bundle of ${cfg.host} has none. See `pkeys key list ${user}`, then run `pkeys render ${cfg.host}`."
    else if !cfg.users.${user}.authorizedKeys.enable then
      "pkeys.users.${user}.authorizedKeys.enable is off. Turn it on, or give the user keys here."
    else if everybody && !builtins.elem file config.services.openssh.authorizedKeysFiles then
      "services.openssh.authorizedKeysFiles is forced to others. Add `${file}` there."
    else
      null;
in
{
  options.users.users = mkOption { type = types.attrsOf (types.submodule adopted); };

  options.pkeys = {
    authorizedKeys.enable = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether sshd accepts the keys that the bundle has for users, beside those of the configuration. The default for
        all users. They are installed also when the bundle's secrets cannot be opened.
      '';
    };

    users = mkOption {
      type = types.attrsOf (types.submodule user);
      default = { };
      example = {
        guest.authorizedKeys.enable = false;
      };
      description = "What is different for a user. Those that the bundle has keys for are here without being declared.";
    };
  };

  config = {
    assertions = map (user: {
      assertion = trouble user == null;
      message = "users.users.${user} logs in with the keys that pkeys has, and ${toString (trouble user)}";
    }) declared;

    pkeys.users = lib.genAttrs (builtins.attrNames cfg.internal.manifest.authorized_keys) (_: { });

    services.openssh = lib.mkIf cfg.enable {
      authorizedKeysFiles = lib.mkIf everybody [ file ];
      # At the end, and closed again: what comes after a `Match` belongs to it.
      extraConfig = lib.mkIf (exceptions != [ ]) (
        lib.mkOrder 1600 ''
          Match User ${lib.concatStringsSep "," exceptions}
            AuthorizedKeysFile ${toString (others ++ lib.optional (!everybody) file)}
          Match all
        ''
      );
    };
  };
}

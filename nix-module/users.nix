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
in
{
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

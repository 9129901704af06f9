# `pkeys.secrets`: all that the bundle has, and what the configuration says of them.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.pkeys;
  files = import ./files.nix { inherit lib; };
  own = import ./lib.nix;

  secret =
    { name, config, ... }:
    let
      base = if config.neededForUsers then "/run/pkeys-for-users" else "/run/pkeys";
    in
    {
      options =
        files.options {
          inherit config;
          inherit (cfg) defaults;
          own = "${base}/secrets/${config.name}";
          ownText = ''"/run/pkeys/secrets/''${name}", with neededForUsers "/run/pkeys-for-users/secrets/''${name}"'';
          root = config.neededForUsers;
        }
        // {
          name = mkOption {
            type = types.str;
            default = name;
            defaultText = lib.literalExpression "the attribute's name";
            example = "tailscale-auth-key";
            description = "The secret's name in the bundle.";
          };

          neededForUsers = mkOption {
            type = types.bool;
            default = false;
            example = true;
            description = ''
              Whether it is needed to make the users, such as the file of a `hashedPasswordFile`. It is installed
              earlier, under `/run/pkeys-for-users`, and belongs to root.
            '';
          };

          credential = mkOption {
            type = types.str;
            readOnly = true;
            default = "${config.name}:${config.ownPath}";
            defaultText = lib.literalExpression ''"''${name}:/run/pkeys/secrets/''${name}"'';
            example = "tailscale-auth-key:/run/pkeys/secrets/tailscale-auth-key";
            description = ''
              The value of a service's `LoadCredential=` for this secret. `pkeys.credentials` sets it, and the
              ordering too.
            '';
          };
        };
    };

  # A secret that is there twice, once under its own name with nothing said of it, is the other one.
  nothingSaid = files.spec (
    cfg.defaults
    // {
      path = null;
      ownPath = null;
      uid = null;
      gid = null;
      symlinks = [ ];
      restartUnits = [ ];
      reloadUnits = [ ];
    }
  );
  plain = secret: files.spec secret == nothingSaid && !secret.neededForUsers;
  named = lib.mapAttrsToList (attribute: secret: secret // { inherit attribute; }) cfg.secrets;
  chosen =
    group:
    if builtins.length group == 1 then
      group
    else
      builtins.filter (secret: secret.attribute != secret.name || !plain secret) group;
in
{
  options.pkeys.secrets = mkOption {
    type = types.attrsOf (types.submodule secret);
    default = { };
    example = lib.literalExpression ''
      {
        tailscale-auth-key.restartUnits = [ "tailscaled.service" ];
        app-token = {
          owner = "app";
          mode = "0440";
        };
      }
    '';
    description = ''
      The host's secrets. Each one that the bundle has is here without being declared, root:root 0400:
      `config.pkeys.secrets.NAME.path`. Declaring one that the bundle lacks is an error.
    '';
  };

  config.pkeys = {
    # A new SSH host key comes and goes with its rotation, and has a place of its own.
    secrets = lib.genAttrs (builtins.filter (name: name != own.newHostKey) (
      map (entry: entry.name) cfg.internal.manifest.secrets
    )) (_: { });
    internal.secretGroups = lib.mapAttrs (_: chosen) (builtins.groupBy (secret: secret.name) named);
    internal.secrets = lib.concatLists (builtins.attrValues cfg.internal.secretGroups);
  };
}

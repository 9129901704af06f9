# `pkeys.templates`: files made on the host from secrets, and the placeholders that stand for these.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.pkeys;
  own = import ./lib.nix;
  files = import ./files.nix { inherit lib; };

  template =
    { name, config, ... }:
    {
      options =
        files.options {
          inherit config;
          inherit (cfg) defaults;
          own = "/run/pkeys/templates/${name}";
          ownText = ''"/run/pkeys/templates/''${name}"'';
          root = false;
        }
        // {
          content = mkOption {
            type = types.nullOr types.str;
            default = null;
            example = lib.literalExpression ''"TOKEN=''${config.pkeys.placeholder.app-token}\n"'';
            description = "Its text, with placeholders. It is public: it is in the Nix store.";
          };

          file = mkOption {
            type = types.nullOr types.path;
            default = null;
            example = lib.literalExpression "./app.env.in";
            description = "A file with its text, instead of `content`. A placeholder is `@pkeys:NAME@`.";
          };

          text = mkOption {
            type = types.str;
            internal = true;
            visible = false;
            readOnly = true;
            default =
              if config.content != null then
                config.content
              else if config.file != null then
                builtins.readFile config.file
              else
                "";
            description = "The text of `content` or `file`.";
          };
        };
    };
in
{
  options.pkeys = {
    templates = mkOption {
      type = types.attrsOf (types.submodule template);
      default = { };
      example = lib.literalExpression ''
        {
          "app.env" = {
            content = "TOKEN=''${config.pkeys.placeholder.app-token}\n";
            owner = "app";
          };
        }
      '';
      description = "Files made from secrets on the host, in memory: `config.pkeys.templates.NAME.path`.";
    };

    placeholder = mkOption {
      type = types.attrsOf types.str;
      readOnly = true;
      defaultText = lib.literalMD "for every secret `@pkeys:NAME@`";
      example = lib.literalExpression ''{ app-token = "@pkeys:app-token@"; }'';
      description = "What stands for a secret in a template.";
    };
  };

  config.pkeys = {
    placeholder = lib.mapAttrs (_: secret: own.placeholder secret.name) cfg.secrets;
    internal.templates = lib.mapAttrsToList (
      name: template: template // { inherit name; }
    ) cfg.templates;
  };
}

# What secrets and templates have in common: options of a file, and what the spec says of it.
{ lib }:
let
  inherit (lib) mkOption types;
in
rec {
  mode = types.strMatching "0?[0-7][0-7]0" // {
    description = "mode in octal that gives nothing to others, such as \"0440\"";
  };

  # Those whose restart or reload NixOS can do on a switch.
  unit = types.strMatching "[^/[:space:]]+\\.(service|socket|timer|path)" // {
    description = "name of a systemd service, socket, timer or path, with its type, such as \"nginx.service\"";
  };

  # An owner by name or by number. A number leaves no name.
  owners =
    {
      name, # "owner"
      number, # "uid"
      example,
      config,
      default,
    }:
    {
      ${name} = mkOption {
        type = types.nullOr types.str;
        default = if config.${number} != null then null else default;
        defaultText = lib.literalExpression "config.pkeys.defaults.${name}";
        example = "app";
        description = "The ${name}'s name.";
      };

      ${number} = mkOption {
        type = types.nullOr types.ints.unsigned;
        default = null;
        inherit example;
        description = "The ${name}'s number, instead of a name.";
      };
    };

  # `own` is the place that the file has anyway; `root` says that defaults do not count.
  options =
    {
      config,
      defaults,
      own,
      ownText,
      root,
    }:
    {
      path = mkOption {
        type = types.path;
        apply = toString;
        default = own;
        defaultText = lib.literalExpression ownText;
        example = "/etc/tailscale/auth-key";
        description = ''
          Where it is found. Another place than the default becomes a link to it; missing directories are made.
        '';
      };

      mode = mkOption {
        type = mode;
        default = if root then "0400" else defaults.mode;
        defaultText = lib.literalExpression "config.pkeys.defaults.mode";
        example = "0440";
        description = "The mode, in octal. Others never get anything.";
      };

      symlinks = mkOption {
        type = types.listOf types.path;
        apply = map toString;
        default = [ ];
        example = [ "/var/lib/app/token" ];
        description = "More places where a link to it is made.";
      };

      restartUnits = mkOption {
        type = types.listOf unit;
        default = [ ];
        example = [ "tailscaled.service" ];
        description = "Units that `nixos-rebuild switch` restarts when it has changed.";
      };

      reloadUnits = mkOption {
        type = types.listOf unit;
        default = [ ];
        example = [ "nginx.service" ];
        description = "Units that `nixos-rebuild switch` reloads when it has changed.";
      };

      ownPath = mkOption {
        type = types.str;
        internal = true;
        visible = false;
        readOnly = true;
        default = own;
        description = "Where the file itself is.";
      };
    }
    // owners {
      inherit config;
      name = "owner";
      number = "uid";
      example = 1000;
      default = if root then "root" else defaults.owner;
    }
    // owners {
      inherit config;
      name = "group";
      number = "gid";
      example = 100;
      default = if root then "root" else defaults.group;
    };

  # The file's part of the spec (docs/spec.md): what differs from the spec's own defaults.
  spec =
    file:
    lib.filterAttrs (_: value: value != null && value != [ ]) {
      path = if file.path == file.ownPath then null else file.path;
      inherit (file)
        uid
        gid
        mode
        symlinks
        restartUnits
        reloadUnits
        ;
      owner = if file.owner == "root" then null else file.owner;
      group = if file.group == "root" then null else file.group;
    };
}

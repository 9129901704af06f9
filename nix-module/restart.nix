# Restarting and reloading what uses a secret: through NixOS's triggers. The bundle's manifest has each secret's
# version, so evaluation knows what has changed, and `nixos-rebuild dry-activate` lists the units by itself.
{ config, lib, ... }:
let
  cfg = config.pkeys;
  own = import ./lib.nix;
  known = cfg.enable && cfg.bundle != null;

  versions = lib.listToAttrs (
    map (entry: lib.nameValuePair entry.name entry.version) cfg.internal.manifest.secrets
  );
  version = name: "${name} ${versions.${name} or "none"}";

  # Changes when the file's bytes, owner or mode do.
  trigger =
    what: file:
    lib.concatStringsSep " " [
      "pkeys"
      what
      (toString (if file.uid != null then file.uid else file.owner))
      (toString (if file.gid != null then file.gid else file.group))
      file.mode
    ];
  ofSecret = secret: trigger (version secret.name) secret;
  ofTemplate =
    template:
    trigger "${template.name} ${builtins.hashString "sha256" template.text} ${lib.concatMapStringsSep " " version (own.placeholdersIn template.text)}" template;

  wishes = file: text: [
    {
      units = file.restartUnits;
      settings.restartTriggers = [ text ];
    }
    {
      units = file.reloadUnits;
      settings.reloadTriggers = [ text ];
    }
  ];

  # { services.nginx = …; } of "nginx.service". An instance of a template unit is a drop-in, not a unit.
  define =
    settings: unit:
    let
      parts = own.unitParts unit;
    in
    {
      "${parts.type}s".${parts.name} = lib.mkMerge [
        settings
        (lib.mkIf (lib.hasInfix "@" parts.name) { overrideStrategy = lib.mkDefault "asDropin"; })
      ];
    };
  all = wishes: lib.concatMap (wish: map (define wish.settings) wish.units) wishes;

  early = builtins.filter (secret: secret.neededForUsers) cfg.internal.secrets;
  inherit (cfg.internal) usersUnit;

  definitions =
    lib.optionals known (
      all (
        lib.concatMap (secret: wishes secret (ofSecret secret)) cfg.internal.secrets
        ++ lib.concatMap (template: wishes template (ofTemplate template)) cfg.internal.templates
      )
      # A new password: the users are made again.
      ++ lib.optional (early != [ ] && usersUnit != null) (
        define { restartTriggers = map ofSecret early; } usersUnit
      )
    )
    # While a new SSH host key is on its way.
    ++ lib.optional (known && cfg.hostKeyPath != null && versions ? ${own.newHostKey}) (
      define { restartTriggers = [ "pkeys ${version own.newHostKey}" ]; } "sshd.service"
    )
    ++ lib.optionals (cfg.enable && cfg.useSystemdActivation) (
      map (define {
        requires = [ "pkeys-activate.service" ];
        after = [ "pkeys-activate.service" ];
        restartTriggers = [ cfg.internal.spec ];
      }) cfg.extraUnitsRequire
    );

  # All types are named here: which units are defined may depend on secrets, that systemd's options exist may not.
  of = type: lib.mkMerge (map (definition: definition.${type} or { }) definitions);
in
{
  config.systemd = {
    services = of "services";
    sockets = of "sockets";
    timers = of "timers";
    paths = of "paths";
  };
}

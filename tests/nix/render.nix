# What a host's configuration comes to, as the files that NixOS would make of it.
{ lib }:
let
  value = v: if builtins.isBool v then lib.boolToString v else toString v;
  lines =
    attributes:
    lib.concatStrings (
      lib.mapAttrsToList (
        key: v: lib.concatMapStrings (one: "${key}=${value one}\n") (lib.toList v)
      ) attributes
    );
  section = name: attributes: lib.optionalString (attributes != { }) "[${name}]\n${lines attributes}";
  words = lib.mapAttrs (_: toString);
  set = lib.filterAttrs (_: v: v != [ ] && v != "");

  unit =
    unit: sections:
    section "Unit" (
      words (set {
        Description = unit.description;
        After = unit.after;
        Before = unit.before;
        Conflicts = unit.conflicts;
        Requires = unit.requires;
        Wants = unit.wants;
        X-Restart-Triggers = lib.concatMapStringsSep "; " toString unit.restartTriggers;
        X-Reload-Triggers = lib.concatMapStringsSep "; " toString unit.reloadTriggers;
      })
      // unit.unitConfig
    )
    + sections
    # NixOS makes these links itself; elsewhere `systemctl enable` does.
    + section "Install" (
      words (set {
        RequiredBy = unit.requiredBy;
        WantedBy = unit.wantedBy;
      })
    );

  service =
    service:
    section "Service" (
      lib.optionalAttrs (service.path != [ ]) { Environment = "PATH=${lib.makeBinPath service.path}"; }
      // service.serviceConfig
    );
  mount =
    mount:
    section "Mount" {
      What = mount.what;
      Where = mount.where;
      Type = mount.type;
      Options = mount.options;
    };
  # systemd's escaping, as far as our paths need it.
  mountName =
    where: builtins.replaceStrings [ "-" "/" ] [ "\\x2d" "-" ] (lib.removePrefix "/" where) + ".mount";

  # What somebody else's unit gets is a drop-in.
  place =
    name: one:
    "units/${name}.service" + lib.optionalString (!one.serviceConfig ? ExecStart) ".d/overrides.conf";

  script =
    entries:
    lib.stringsWithDeps.textClosureMap lib.id (lib.mapAttrs (name: entry: {
      inherit (entry) deps;
      text = "#### ${name}${lib.optionalString entry.supportsDryActivation " (also at dry-activate)"}\n${lib.removeSuffix "\n" entry.text}\n";
    }) entries) (builtins.attrNames entries);
in
config:
{
  "spec.json" = config.pkeys.internal.spec.environment.spec;
  "spec-build.sh" = config.pkeys.internal.spec.script;
  "activate.sh" = script config.system.activationScripts;
  "sshd_config" = config.services.openssh.extraConfig;
}
// lib.mapAttrs' (
  name: one: lib.nameValuePair (place name one) (unit one (service one))
) config.systemd.services
// lib.mapAttrs' (
  name: one: lib.nameValuePair "units/${name}.socket" (unit one (section "Socket" one.socketConfig))
) (lib.filterAttrs (_: one: one.socketConfig != { }) config.systemd.sockets)
// lib.mapAttrs' (
  name: one: lib.nameValuePair "units/${name}.slice" (unit one (section "Slice" one.sliceConfig))
) config.systemd.slices
// lib.mapAttrs' (
  name: user:
  lib.nameValuePair "authorized_keys.d/${name}" (lib.concatLines user.openssh.authorizedKeys.keys)
) (lib.filterAttrs (_: user: user.openssh.authorizedKeys.keys != [ ]) config.users.users)
// lib.listToAttrs (
  map (
    one: lib.nameValuePair "units/${mountName one.where}" (unit one (mount one))
  ) config.systemd.mounts
)

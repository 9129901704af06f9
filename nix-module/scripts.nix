# The activation scripts: they install the secrets where systemd does not make the users, and say in every case what
# `nixos-rebuild dry-activate` would change.
{ config, lib, ... }:
let
  cfg = config.pkeys;
  early = lib.any (secret: secret.neededForUsers) cfg.internal.secrets;

  install =
    phase: arguments:
    lib.optionalString (cfg.plugins != [ ]) ''PATH="${lib.makeBinPath cfg.plugins}:$PATH" ''
    + "${lib.getExe' cfg.package "pkeys-activate"} install --phase ${phase} --spec ${cfg.internal.spec}"
    + arguments;

  # Exit status 4 is success with something set apart and named.
  script = phase: deps: {
    inherit deps;
    supportsDryActivation = true;
    text = ''
      if [ "''${NIXOS_ACTION-}" = dry-activate ]; then
        ${install phase " --dry-run"} || true
      else
        (${install phase ""}; status=$?; [ "$status" -eq 4 ] || exit "$status")
      fi
    '';
  };
in
{
  config.system.activationScripts = lib.mkIf cfg.enable (
    lib.mkMerge [
      (lib.mkIf (!cfg.useSystemdActivation) {
        pkeys = script "services" [
          "specialfs"
          "users"
          "groups"
          "etc"
        ];
      })
      (lib.mkIf cfg.useSystemdActivation {
        pkeys-dry-activate = {
          supportsDryActivation = true;
          text = ''
            if [ "''${NIXOS_ACTION-}" = dry-activate ]; then
              ${install "services" " --dry-run"} || true
            fi
          '';
        };
      })
      (lib.mkIf (early && cfg.internal.usersUnit == null) {
        pkeys-for-users = script "users" [ "specialfs" ];
        users.deps = [ "pkeys-for-users" ];
      })
    ]
  );
}

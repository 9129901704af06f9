# The systemd units: one before the users are made, one before the ordinary services start.
{ config, lib, ... }:
let
  cfg = config.pkeys;
  inherit (cfg.internal) usersUnit;
  sandbox = import ./sandbox.nix;
  early = usersUnit != null && lib.any (secret: secret.neededForUsers) cfg.internal.secrets;

  # Made by systemd and not by the program, so that the program can run in a mount namespace of its own. Without default
  # dependencies: with them the mount would wait for local-fs-pre.target, which waits for the users.
  ramfs = where: {
    what = "ramfs";
    inherit where;
    type = "ramfs";
    options = "nosuid,nodev,noexec,mode=0751";
    description = "Memory for secrets";
    unitConfig.DefaultDependencies = false;
    before = [ "umount.target" ];
    conflicts = [ "umount.target" ];
  };

  unit = phase: mounts: {
    unitConfig = {
      DefaultDependencies = false;
      RequiresMountsFor = mounts;
    };
    before = [
      "sysinit-reactivation.target"
      "shutdown.target"
    ];
    conflicts = [ "shutdown.target" ];
    path = cfg.plugins;
    serviceConfig = sandbox { devices = cfg.plugins != [ ]; } // {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${lib.getExe' cfg.package "pkeys-activate"} install --phase ${phase} --spec ${cfg.internal.spec}";
      # Degraded: what could not be placed is named in the journal, all else is there.
      SuccessExitStatus = 4;
      TimeoutStartSec = "90s";
    };
  };
in
{
  config = lib.mkIf (cfg.enable && cfg.useSystemdActivation) {
    systemd.mounts = [ (ramfs "/run/pkeys.d") ] ++ lib.optional early (ramfs "/run/pkeys-for-users.d");

    systemd.services = lib.mkMerge [
      {
        pkeys-activate = lib.mkMerge [
          (unit "services" (
            [
              "/run/pkeys.d"
              "/var/lib/pkeys"
            ]
            ++ map toString cfg.identityPaths
          ))
          {
            description = "Install secrets";
            wantedBy = [
              "sysinit.target"
              "sysinit-reactivation.target"
            ];
            before = [ "sysinit.target" ];
            # The users' home directories are made by systemd-tmpfiles.
            after = [
              "local-fs.target"
              "systemd-sysusers.service"
              "userborn.service"
              "systemd-tmpfiles-setup.service"
              "systemd-tmpfiles-resetup.service"
            ];
          }
        ];
      }
      (lib.mkIf early {
        # Needs only what the initrd has mounted: waiting for mounts here would be an ordering cycle.
        pkeys-activate-users = lib.mkMerge [
          (unit "users" [ "/run/pkeys-for-users.d" ])
          {
            description = "Install secrets that users are made with";
            wantedBy = [
              usersUnit
              "sysinit-reactivation.target"
            ];
            before = [ usersUnit ];
            after = [ "systemd-remount-fs.service" ];
          }
        ];
      })
    ];
  };
}

# `pkeys push`: a login that can hand a bundle over and do nothing else. What it hands over goes through a socket to a
# unit of root's, so that neither root logins nor sudo are needed.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.pkeys;
  inherit (cfg) push;
  sandbox = import ./sandbox.nix;
  program = lib.getExe' cfg.package "pkeys-activate";
  socket = "/run/pkeys-receive.socket";
in
{
  options.pkeys.push = {
    authorizedKeys = mkOption {
      type = types.listOf types.singleLineStr;
      default = [ ];
      example = [ "ssh-ed25519 AAAA… hbohlen" ];
      description = ''
        SSH public keys of the operators that may push a bundle to this host, by `pkeys push` and the address
        `pkeys@HOST`. They can do nothing else here, and the host takes only what its trusted signers signed, and nothing
        older than it has.
      '';
    };

    user = mkOption {
      type = types.passwdEntry types.str;
      default = "pkeys";
      example = "deploy-secrets";
      description = "The login name for pushing. The user is made.";
    };
  };

  config = lib.mkIf (cfg.enable && push.authorizedKeys != [ ]) {
    users.users.${push.user} = {
      isSystemUser = true;
      group = push.user;
      # sshd runs the forced command with it.
      shell = "/bin/sh";
      openssh.authorizedKeys.keys = map (
        key: ''restrict,command="${program} forward --socket ${socket}" ${key}''
      ) push.authorizedKeys;
    };
    users.groups.${push.user} = { };

    systemd.sockets.pkeys-receive = {
      description = "Pushed secrets";
      wantedBy = [ "sockets.target" ];
      socketConfig = {
        ListenStream = socket;
        SocketGroup = push.user;
        SocketMode = "0660";
        Accept = true;
        MaxConnections = 4;
      };
    };

    systemd.services."pkeys-receive@" = {
      description = "Take pushed secrets";
      after = lib.optional cfg.useSystemdActivation "pkeys-activate.service";
      path = [ config.systemd.package ] ++ cfg.plugins;
      # A switch does not interrupt what is being taken.
      restartIfChanged = false;
      unitConfig = {
        # What was refused is said in the journal; a failed instance for each would only pile up.
        CollectMode = "inactive-or-failed";
        RequiresMountsFor = [
          "/run/pkeys.d"
          "/var/lib/pkeys"
        ]
        ++ map toString cfg.identityPaths;
      };
      serviceConfig = sandbox { devices = cfg.plugins != [ ]; } // {
        ExecStart = "${program} receive --spec ${cfg.internal.spec}";
        # Only authorized keys, or something set apart: it is in the answer.
        SuccessExitStatus = "3 4";
        StandardInput = "socket";
        StandardOutput = "socket";
        StandardError = "journal";
        # What is sent, its answer and the activation; a sender that hangs does not keep the place for ever.
        RuntimeMaxSec = "5min";
      };
    };
  };
}

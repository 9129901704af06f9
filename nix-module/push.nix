# `pkeys push` and `pkeys host check`: a login that can hand a bundle over, ask what the host has, and do nothing else.
# Each goes through a socket to a unit of root's, so that neither root logins nor sudo are needed.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.pkeys;
  inherit (cfg) push;
  sandbox = import ./sandbox.nix;
  program = lib.getExe' cfg.package "pkeys-activate";
  socket = name: "/run/pkeys-${name}.socket";

  # One unit for each connection; what it is told and what it answers goes through the socket.
  listen = name: description: {
    inherit description;
    wantedBy = [ "sockets.target" ];
    socketConfig = {
      ListenStream = socket name;
      SocketGroup = push.user;
      SocketMode = "0660";
      Accept = true;
      # A silent connection ends after 15 seconds; until then, this many do not keep another out.
      MaxConnections = 32;
      # Many connections at once must not make the socket fail for good.
      TriggerLimitIntervalSec = 0;
    };
  };
  answer = {
    # systemctl
    path = [ config.systemd.package ] ++ cfg.plugins;
    serviceConfig = sandbox { devices = cfg.plugins != [ ]; } // {
      StandardInput = "socket";
      StandardOutput = "socket";
      StandardError = "journal";
    };
    # What was refused is said in the journal; a failed instance for each would only pile up.
    unitConfig.CollectMode = "inactive-or-failed";
  };
in
{
  options.pkeys.push = {
    authorizedKeys = mkOption {
      type = types.listOf types.singleLineStr;
      default = [ ];
      example = [ "ssh-ed25519 AAAA… hbohlen" ];
      description = ''
        SSH public keys of the operators that may push a bundle to this host, by `pkeys push` and the address
        `pkeys@HOST`. They can also ask what the host has, for `pkeys host check`, and do nothing else here. The host
        takes only what its trusted signers signed, and nothing older than it has.
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
        key:
        let
          forward = "${program} forward --socket ${socket "receive"} --report-socket ${socket "report"}";
        in
        ''restrict,command="${forward}" ${key}''
      ) push.authorizedKeys;
    };
    users.groups.${push.user} = { };

    systemd.sockets = {
      pkeys-receive = listen "receive" "Pushed secrets";
      pkeys-report = listen "report" "Questions about secrets";
    };

    # Of all connections together.
    systemd.slices = {
      "system-pkeys\\x2dreceive".sliceConfig.MemoryMax = "1G";
      "system-pkeys\\x2dreport".sliceConfig.MemoryMax = "1G";
    };

    systemd.services = {
      "pkeys-receive@" = lib.mkMerge [
        answer
        {
          description = "Take pushed secrets";
          after = lib.optional cfg.useSystemdActivation "pkeys-activate.service";
          # A switch does not interrupt what is being taken.
          restartIfChanged = false;
          unitConfig.RequiresMountsFor = [
            "/run/pkeys.d"
            "/var/lib/pkeys"
          ]
          ++ map toString cfg.identityPaths;
          serviceConfig = {
            ExecStart = "${program} receive --spec ${cfg.internal.spec}";
            # Only authorized keys, or something set apart: it is in the answer.
            SuccessExitStatus = "3 4";
            # What is sent, its answer and the activation; a sender that hangs does not keep the place for ever.
            RuntimeMaxSec = "5min";
            # Several times what the largest bundle needs.
            MemoryMax = "512M";
          };
        }
      ];

      "pkeys-report@" = lib.mkMerge [
        answer
        {
          description = "Say which secrets are in place";
          serviceConfig = {
            ExecStart = "${program} report --spec ${cfg.internal.spec}";
            # It looks everywhere, and writes nowhere.
            CapabilityBoundingSet = lib.mkForce [ "CAP_DAC_READ_SEARCH" ];
            ProtectSystem = lib.mkForce "strict";
            RuntimeMaxSec = "1min";
            MemoryMax = "256M";
          };
        }
      ];
    };
  };
}

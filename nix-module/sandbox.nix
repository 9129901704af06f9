# What `pkeys-activate` is kept from. It makes links anywhere that the configuration says and removes those of earlier
# configurations, so the file system stays writable to it.

{ devices }:
{
  # Give files away, and write into directories that belong to others. Mounting is systemd's.
  CapabilityBoundingSet = [
    "CAP_CHOWN"
    "CAP_DAC_OVERRIDE"
    "CAP_FOWNER"
  ];
  NoNewPrivileges = true;
  # It keeps its memory out of swap.
  LimitMEMLOCK = "infinity";
  UMask = "0022";
  KeyringMode = "private";

  PrivateNetwork = true;
  IPAddressDeny = "any";
  # The socket of the name service.
  RestrictAddressFamilies = [ "AF_UNIX" ];

  PrivateDevices = !devices;
  PrivateIPC = true;
  ProcSubset = "pid";
  ProtectProc = "invisible";
  ProtectClock = !devices;
  ProtectControlGroups = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  # /usr and the boot loader's files
  ProtectSystem = true;

  LockPersonality = true;
  MemoryDenyWriteExecute = true;
  RestrictNamespaces = true;
  RestrictRealtime = true;
  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  # The program confines itself further, when it knows its spec.
  SystemCallFilter = [
    "@system-service"
    "landlock_create_ruleset"
    "landlock_add_rule"
    "landlock_restrict_self"
  ];
}

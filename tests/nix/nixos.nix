# Stand-ins for the options of NixOS that the module sets or reads, with their types and merging where these matter, and
# for the packages. Nothing is built.
{
  lib,
  config,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  option =
    type: default:
    mkOption {
      inherit type default;
      description = "Stand-in.";
    };
  list = option (types.listOf types.str) [ ];
  flag = option types.bool false;
  maybe = option (types.nullOr types.str) null;
  anything = option types.anything { };

  # As in NixOS: lists are joined, other values must agree.
  unitOption = lib.mkOptionType {
    name = "systemd option";
    merge =
      loc: definitions:
      if lib.all (definition: builtins.isList definition.value) definitions then
        lib.concatMap (definition: definition.value) definitions
      else
        lib.mergeEqualOption loc definitions;
  };
  section = option (types.attrsOf unitOption) { };
  common = {
    description = option types.str "";
    before = list;
    after = list;
    wants = list;
    requires = list;
    conflicts = list;
    wantedBy = list;
    requiredBy = list;
    unitConfig = section;
    restartTriggers = option (types.listOf types.unspecified) [ ];
    reloadTriggers = option (types.listOf unitOption) [ ];
    overrideStrategy = option (types.enum [
      "asDropinIfExists"
      "asDropin"
    ]) "asDropinIfExists";
  };
  units = more: option (types.attrsOf (types.submodule { options = common // more; })) { };
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
    warnings = option (types.listOf types.str) [ ];
    networking.hostName = option types.str "web";
    boot.initrd.luks.devices = anything;
    swapDevices = option (types.listOf types.anything) [ ];
    fileSystems = option (types.attrsOf (types.submodule { options.neededForBoot = flag; })) {
      "/" = { };
    };

    environment.systemPackages = option (types.listOf types.package) [ ];
    environment.etc = option (types.attrsOf (
      types.submodule { options.source = option types.path null; }
    )) { };

    users.users = option (types.attrsOf (
      types.submodule (
        { name, ... }:
        {
          options = {
            name = option types.str name;
            group = option types.str "users";
            enable = option types.bool true;
            isNormalUser = flag;
            isSystemUser = flag;
            shell = maybe;
            openssh.authorizedKeys.keys = list;
            password = maybe;
            initialPassword = maybe;
            hashedPasswordFile = maybe;
          };
        }
      )
    )) { };
    users.groups = option (types.attrsOf (
      types.submodule ({ name, ... }: { options.name = option types.str name; })
    )) { };

    services.userborn.enable = flag;
    services.tailscale.authKeyFile = maybe;
    services.openssh = {
      authorizedKeysFiles = list;
      extraConfig = option types.lines "";
      startWhenNeeded = flag;
      hostKeys = option (types.listOf types.anything) [
        {
          type = "rsa";
          path = "/etc/ssh/ssh_host_rsa_key";
        }
        {
          type = "ed25519";
          path = "/etc/ssh/ssh_host_ed25519_key";
        }
        {
          type = "ecdsa";
          path = "/etc/ssh/ssh_host_ecdsa_key";
        }
      ];
    };

    systemd = {
      sysusers.enable = flag;
      services = units {
        path = option (types.listOf types.package) [ ];
        serviceConfig = section;
        restartIfChanged = option types.bool true;
      };
      package = option types.anything pkgs.systemd;
      sockets = units { socketConfig = section; };
      slices = units { sliceConfig = section; };
      timers = units { };
      paths = units { };
      mounts = option (types.listOf (
        types.submodule {
          options = common // {
            what = option types.str "";
            where = option types.str "";
            type = option types.str "";
            options = option types.str "";
          };
        }
      )) [ ];
    };

    system.activationScripts = option (types.attrsOf (
      types.submodule {
        options = {
          text = option types.lines "";
          deps = list;
          supportsDryActivation = flag;
        };
      }
    )) { };
  };

  config = {
    users.users.root = { };
    users.groups.root = { };
    services.openssh.authorizedKeysFiles = [
      "%h/.ssh/authorized_keys"
      "/etc/ssh/authorized_keys.d/%u"
    ];
    services.openssh.extraConfig = lib.mkBefore ''
      AuthorizedKeysFile ${toString config.services.openssh.authorizedKeysFiles}
    '';
    system.activationScripts = {
      specialfs.text = "# mounts /proc, /dev and /run";
      users.text = "# makes the users";
      groups = {
        deps = [ "users" ];
        text = "# nothing: groups are made with the users";
      };
      etc = {
        deps = [
          "users"
          "groups"
          "specialfs"
        ];
        text = "# sets up /etc";
      };
    };
  };
}

# What a host is asked for.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  files = import ./files.nix { inherit lib; };
  hostKeys = builtins.filter (
    key:
    builtins.elem key.type [
      "ed25519"
      "rsa"
    ]
  ) config.services.openssh.hostKeys;
  ownKeys = builtins.filter (path: builtins.elem path config.pkeys.identityPaths) (
    map (key: key.path) (builtins.filter (key: key.type == "ed25519") hostKeys)
  );
in
{
  options.pkeys = {
    enable = lib.mkEnableOption "secrets that `pkeys render` sealed for this host";

    package = mkOption {
      type = types.package;
      default = pkgs.pkeys-activate or (pkgs.callPackage ../nix/pkeys-activate.nix { });
      defaultText = lib.literalExpression "pkgs.pkeys-activate, or the one of this release if there is no overlay";
      example = lib.literalExpression "inputs.pkeys.packages.x86_64-linux.pkeys-activate";
      description = "The package with the host's program, `pkeys-activate`.";
    };

    host = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "hetzner-vps";
      description = "The host's name in `pkeys.toml`. A bundle that was rendered for another host is refused.";
    };

    fleet = mkOption {
      type = types.nullOr (types.strMatching "[0-9a-f]{32}");
      default = config.pkeys.internal.manifest.fleet or null;
      defaultText = lib.literalMD "the `fleet` of the bundle's `manifest.json`; `null` where that is of format 1";
      example = "5b0e6cf5b7a5464a8a2f6d1f3f3e0c11";
      description = ''
        The `fleet` of `pkeys.toml`. A bundle of another fleet is refused, even if a trusted signer signed it for a host
        of this name. Set it on a host without `pkeys.bundle`: such a host takes only pushed bundles, and without a fleet
        only those of format 1.
      '';
    };

    bundle = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./bundles/hetzner-vps";
      description = ''
        The directory that `pkeys render` wrote for this host. It becomes a part of the system, so that an older
        NixOS generation boots with the secrets that it was built with.

        With `null` the host has only what is pushed to `/var/lib/pkeys/bundle`; then every secret that is used must be
        declared in `pkeys.secrets`, and `restartUnits` and `reloadUnits` do nothing at `nixos-rebuild switch`.
      '';
    };

    trustedSigners = mkOption {
      type = types.listOf types.singleLineStr;
      default = [ ];
      example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… hbohlen" ];
      description = ''
        SSH public keys of the operators whose signature on a bundle counts: those of `[signers]` in `pkeys.toml`.
        At least one is needed.
      '';
    };

    identityPaths = mkOption {
      type = types.listOf types.path;
      default = map (key: key.path) hostKeys;
      defaultText = lib.literalMD "the Ed25519 and RSA keys of `services.openssh.hostKeys`";
      example = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
      description = ''
        Private keys that open the bundle, tried in order: SSH host keys, or age identity files. Never in the Nix
        store, which everybody can read.
      '';
    };

    hostKeyPath = mkOption {
      type = types.nullOr types.path;
      default = if ownKeys == [ ] then null else builtins.head ownKeys;
      defaultText = lib.literalMD "the Ed25519 key of `services.openssh.hostKeys`, if `pkeys.identityPaths` has it";
      example = "/persist/etc/ssh/ssh_host_ed25519_key";
      description = ''
        Where `pkeys rotate --host` puts a new SSH host key that comes with a bundle: the file that sshd reads. With
        `null` the host takes none.
      '';
    };

    plugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.age-plugin-tpm ]";
      description = ''
        age plugins that the identities need. With any, the unit may use devices; otherwise it sees none.
      '';
    };

    defaults = {
      owner = mkOption {
        type = types.str;
        default = "root";
        example = "app";
        description = "The owner of secrets and templates that name none.";
      };
      group = mkOption {
        type = types.str;
        default = "root";
        example = "app";
        description = "The group of secrets and templates that name none.";
      };
      mode = mkOption {
        type = files.mode;
        default = "0400";
        example = "0440";
        description = "The mode of secrets and templates that name none.";
      };
    };

    keepGenerations = mkOption {
      type = types.ints.positive;
      default = 1;
      example = 3;
      description = "How many generations of secrets stay in memory, the current one included.";
    };

    useSystemdActivation = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether a systemd unit installs the secrets, or a script at NixOS's activation. The unit is sandboxed, and waits
        for the mounts that the identities are on. The script runs before systemd, for activation scripts of others that
        need a secret; it can only use file systems that are needed for boot. Both have finished when the first ordinary
        service starts. Where systemd makes the users (`systemd.sysusers`, `services.userborn`), only the unit works.
      '';
    };

    extraUnitsRequire = mkOption {
      type = types.listOf files.unit;
      default = [ ];
      example = [ "backup.service" ];
      description = ''
        Units that must not start if the secrets could not be installed: they get `Requires=` and `After=` of
        `pkeys-activate.service`, and are restarted when what is installed changes. Ordinary services need no entry:
        they start after the secrets anyway. With the activation script there is no such unit, and this does nothing.
      '';
    };

    internal = mkOption {
      type = types.lazyAttrsOf types.raw;
      internal = true;
      visible = false;
      description = "What the parts of this module tell each other.";
    };
  };

  # The unit that makes the users, or null: then the activation script does.
  config.pkeys.internal.usersUnit =
    if config.services.userborn.enable or false then
      "userborn.service"
    else if config.systemd.sysusers.enable or false then
      "systemd-sysusers.service"
    else
      null;
}

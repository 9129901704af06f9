# Not run yet: where this was written there is no nixpkgs and no virtual machine.
#
# Owners by name and number, links, templates, a DynamicUser service, authorized keys, pruning, the ramfs.
{ useSystemdActivation }:
{
  name = "pkeys-secrets";
  nodes.machine =
    { config, pkgs, ... }:
    {
      imports = [ ./machine.nix ];
      users.users.ann.isNormalUser = true;
      services.openssh.enable = true;
      pkeys = {
        inherit useSystemdActivation;
        keepGenerations = 2;
        secrets.app-token = {
          owner = "ann";
          group = "users";
          mode = "0440";
          path = "/etc/app/token";
        };
        secrets.db-password = {
          uid = 1234;
          gid = 4321;
        };
        secrets.tailscale-auth-key.owner = "nobody-there";
        templates."app.env" = {
          content = "TOKEN=${config.pkeys.placeholder.app-token}\n";
          symlinks = [ "/home/ann/app.env" ];
        };
        credentials.dynamic = [ "db-password" ];
      };
      systemd.services.dynamic = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          DynamicUser = true;
          ExecStart = "${pkgs.runtimeShell} -c 'test \"$(${pkgs.coreutils}/bin/cat \"$CREDENTIALS_DIRECTORY/db-password\")\" = db-password-1'";
        };
      };
      systemd.services.reader = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${pkgs.runtimeShell} -c 'test \"$(${pkgs.coreutils}/bin/cat ${config.pkeys.secrets.app-token.path})\" = token-1'";
        };
      };
    };

  testScript = ''
    machine.wait_for_unit("multi-user.target")
    machine.wait_for_unit("dynamic.service")
    machine.wait_for_unit("reader.service")

    def stat(path):
        return machine.succeed(f"stat -L -c '%U:%g:%a' {path}").strip()

    def owner(path):
        return machine.succeed(f"stat -L -c '%u:%g:%a' {path}").strip()

    with subtest("owners, modes, links"):
        assert stat("/run/pkeys/secrets/app-token") == "ann:100:440"
        assert owner("/run/pkeys/secrets/db-password") == "1234:4321:400"
        assert machine.succeed("readlink /etc/app/token").strip() == "/run/pkeys/secrets/app-token"
        assert machine.succeed("cat /home/ann/app.env") == "TOKEN=token-1\n"

    with subtest("an unknown owner is set apart"):
        assert owner("/run/pkeys/secrets/tailscale-auth-key") == "0:0:400"

    with subtest("memory only"):
        assert machine.succeed("findmnt -no FSTYPE /run/pkeys.d").strip() == "ramfs"
        machine.fail("grep -rF tskey-auth-1 /etc /var /home /nix/var")

    with subtest("sshd accepts the managed key"):
        machine.wait_for_unit("sshd.service")
        machine.succeed("install -m 0400 ${./../fixtures/keys/ann} /root/key")
        machine.succeed("ssh -i /root/key -o StrictHostKeyChecking=no ann@localhost true")

    with subtest("old generations go"):
        for _ in range(4):
            machine.succeed("pkeys-activate install --spec /etc/pkeys/spec.json || test $? = 4")
        generations = machine.succeed("ls /run/pkeys.d").split()
        assert len(generations) == 2, generations
  '';
}

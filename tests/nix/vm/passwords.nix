# Not run yet: where this was written there is no nixpkgs and no virtual machine.
#
# A user's password is a secret, whoever makes the users; it survives a switch and a reboot without ordering cycles.
{ name, users }:
{
  name = "pkeys-passwords-${name}";
  nodes.machine =
    { config, lib, ... }:
    {
      imports = [
        ./machine.nix
        users
      ];
      pkeys.secrets.ann-password.neededForUsers = true;
      pkeys.secrets.app-token.owner = "ann";
      users.users.ann = {
        isNormalUser = lib.mkDefault true;
        hashedPasswordFile = config.pkeys.secrets.ann-password.path;
      };
    };

  testScript = ''
    def check():
        machine.wait_for_unit("multi-user.target")
        hash = machine.succeed("cat /run/pkeys-for-users/secrets/ann-password").strip()
        assert hash.startswith("$6$pkeys$"), hash
        assert machine.succeed("getent shadow ann").split(":")[1] == hash
        assert machine.succeed("stat -L -c %U /run/pkeys/secrets/app-token").strip() == "ann"
        machine.fail("journalctl -b | grep -i 'ordering cycle'")

    check()
    machine.succeed("/run/current-system/bin/switch-to-configuration test")
    check()
    machine.shutdown()
    machine.start()
    check()
    machine.fail("journalctl -b -1 | grep -i 'ordering cycle'")
  '';
}

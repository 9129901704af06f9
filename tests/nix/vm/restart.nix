# Not run yet: where this was written there is no nixpkgs and no virtual machine.
#
# A new bundle restarts and reloads what asked for it and nothing else; dry-activate says so and changes nothing.
{ useSystemdActivation }:
{
  name = "pkeys-restart";
  nodes.machine =
    { lib, pkgs, ... }:
    let
      service = mark: {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${pkgs.runtimeShell} -c 'echo started >> /tmp/${mark}'";
          ExecReload = "${pkgs.runtimeShell} -c 'echo reloaded >> /tmp/${mark}'";
        };
      };
    in
    {
      imports = [ ./machine.nix ];
      pkeys = {
        inherit useSystemdActivation;
        secrets.app-token = {
          restartUnits = [ "restarted.service" ];
          reloadUnits = [ "reloaded.service" ];
        };
        secrets.db-password.restartUnits = [ "untouched.service" ];
        credentials.untouched = [ "db-password" ];
      };
      systemd.services = lib.genAttrs [ "restarted" "reloaded" "untouched" ] service;
      specialisation.next.configuration.pkeys.bundle = lib.mkForce ../fixtures/bundles/web-next;
    };

  testScript = ''
    machine.wait_for_unit("multi-user.target")
    next = "/run/booted-system/specialisation/next/bin/switch-to-configuration"
    same = "/run/booted-system/bin/switch-to-configuration"

    def marks():
        return [machine.succeed(f"cat /tmp/{mark}").split() for mark in ("restarted", "reloaded", "untouched")]

    def token():
        return machine.succeed("cat /run/pkeys/secrets/app-token")

    boot = [["started"], ["started"], ["started"]]
    assert marks() == boot
    assert token() == "token-1"

    with subtest("nothing new, nothing happens"):
        machine.succeed(f"{same} test")
        assert marks() == boot

    with subtest("dry-activate only says"):
        said = machine.succeed(f"{next} dry-activate 2>&1")
        assert "would change: secrets/app-token" in said, said
        assert "restarted.service" in said and "reloaded.service" in said, said
        assert "untouched.service" not in said, said
        assert token() == "token-1" and marks() == boot

    with subtest("a new bundle"):
        machine.succeed(f"{next} test")
        assert token() == "token-2"
        assert marks() == [["started", "started"], ["started", "reloaded"], ["started"]]
  '';
}

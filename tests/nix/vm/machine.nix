# A machine that opens the test bundles. Its key comes from an activation script, which runs before all of pkeys.
{ config, lib, ... }:
let
  early = lib.any (secret: secret.neededForUsers) (builtins.attrValues config.pkeys.secrets);
in
{
  imports = [ ../../../nix-module ];
  pkeys = {
    enable = true;
    host = "web";
    bundle = lib.mkDefault ../fixtures/bundles/web;
    trustedSigners = [ (import ../signer.nix) ];
    identityPaths = [ "/run/test-key" ];
  };
  system.activationScripts = {
    test-key = lib.stringAfter [ "specialfs" ] "install -m 0400 ${../fixtures/keys/host} /run/test-key";
    pkeys = lib.mkIf (!config.pkeys.useSystemdActivation) { deps = [ "test-key" ]; };
    pkeys-for-users = lib.mkIf (early && config.pkeys.internal.usersUnit == null) {
      deps = [ "test-key" ];
    };
  };
  # A test's machine cannot be switched otherwise.
  system.switch.enable = true;
}

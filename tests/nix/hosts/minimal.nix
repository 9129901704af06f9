# The least that works.
{ config, ... }:
{
  pkeys = {
    enable = true;
    bundle = ../fixtures/bundles/web;
    trustedSigners = [ (import ../signer.nix) ];
  };
  services.tailscale.authKeyFile = config.pkeys.secrets.tailscale-auth-key.path;
}

{ lib, ... }:
{
  imports = [ ../common.nix ];
  users.users.root.openssh.authorizedKeys.keys = lib.mkForce [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9qba3LUlob3q5ktsR/IeqdXV1DJHDsQTt2D8tyOSsU backup" ];
}

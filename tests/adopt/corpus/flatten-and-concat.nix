# expect: taken 4, left 0
{ config, lib, pkgs, ... }:
let
  ann = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk ann@phone" ];
  bob = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9qba3LUlob3q5ktsR/IeqdXV1DJHDsQTt2D8tyOSsU bob@tower";
in
{
  users.users.root.openssh.authorizedKeys.keys = lib.unique (lib.flatten [ ann bob ]);
  users.users.ci.openssh.authorizedKeys.keys = lib.concatLists [ (lib.singleton "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIARwuI0eCZCnMXu2ldwAk2VrOnf2RrW0Q2/QAY7Ux3AY ci") ];
}

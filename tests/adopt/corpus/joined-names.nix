# expect: taken 3, left 0
{ ... }:
let
  ann = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ];
  bob = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk bob@tower" ];
  eve = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9qba3LUlob3q5ktsR/IeqdXV1DJHDsQTt2D8tyOSsU eve@air" ];
in
{
  users.users.root.openssh.authorizedKeys.keys = ann ++ bob ++ eve;
}

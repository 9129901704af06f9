# expect: taken 3, left 0
{ config, lib, pkgs, ... }:
{
  users.users.root.openssh.authorizedKeys.keys =
    [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ]
    ++ lib.optionals (config.networking.hostName == "web") [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk ann@phone" ]
    ++ lib.optional (config.networking.hostName != "web") "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9qba3LUlob3q5ktsR/IeqdXV1DJHDsQTt2D8tyOSsU ann@tower";
}

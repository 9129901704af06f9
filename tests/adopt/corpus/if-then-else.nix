# expect: taken 2, left 0
{ config, lib, pkgs, ... }:
{
  users.users.root.openssh.authorizedKeys.keys =
    if config.networking.hostName == "db" then [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ] else [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk ann@phone" ];
}

# expect: taken 1, left 0
{ config, lib, pkgs, ... }:
{
  config = lib.mkIf (config.networking.hostName == "db") {
    users.users.ann.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ];
  };
}

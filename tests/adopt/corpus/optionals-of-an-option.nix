# expect: taken 1, left 1
{ config, lib, pkgs, ... }:
{
  options.my.admin.enable = lib.mkEnableOption "administration";
  config.users.users.root.openssh.authorizedKeys.keys =
    [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ] ++ lib.optionals config.my.admin.enable [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk bob@tower" ];
}

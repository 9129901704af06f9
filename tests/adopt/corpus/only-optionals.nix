# expect: taken 1, left 0
{ config, lib, pkgs, ... }:
{
  users.users.ann.openssh.authorizedKeys.keys = lib.optionals (builtins.elem config.networking.hostName [ "db" "mail" ]) [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga"
  ];
}

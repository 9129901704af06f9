# expect: taken 1, left 1
{ config, lib, pkgs, ... }:
let
  cfg = config.my.ann;
in
{
  options.my.ann.enable = lib.mkEnableOption "ann";
  config = lib.mkMerge [
    { users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk ann@phone" ]; }
    (lib.mkIf cfg.enable {
      users.users.ann.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ];
    })
  ];
}

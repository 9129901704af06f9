# expect: taken 0, left 1
{ ... }:
let
  common = { isNormalUser = true; };
in
{
  users.users.ann = common // {
    openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ];
  };
}

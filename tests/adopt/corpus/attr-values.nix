# expect: taken 2, left 0
{ ... }:
let
  keys = {
    yoga = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95";
    phone = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk";
  };
in
{
  users.users.root.openssh.authorizedKeys.keys = builtins.attrValues keys;
}

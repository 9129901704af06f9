# expect: taken 2, left 0
{ ... }:
let
  domain = "example.org";
  raw = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95";
in
{
  users.users.ann.openssh.authorizedKeys.keys = [
    "${raw} ann@${domain}"
    ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk" + " ann@phone")
  ];
}

# expect: taken 2, left 0
{ ... }:
let
  people.ann.ssh = { laptop = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga"; };
  people.bob.ssh.tower = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk bob@tower";
in
{
  users.users.root.openssh.authorizedKeys.keys = [
    people.ann.ssh.laptop
    people.bob.ssh.tower
  ];
}

# expect: taken 2, left 0
{
  imports = [ ../profiles/base.nix ];
  users.users.ann.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk ann@phone" ];
}

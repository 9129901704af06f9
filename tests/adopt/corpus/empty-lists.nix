# expect: taken 0, left 0
{ ... }:
{
  users.users.root.openssh.authorizedKeys.keys = [ ];
  users.users.ann.openssh.authorizedKeys.keyFiles = [ ];
}

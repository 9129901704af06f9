# expect: taken 0, left 1
{ ... }:
let
  a = b;
  b = a;
in
{
  users.users.ann.isNormalUser = true;
  users.users.bob.openssh.authorizedKeys.keys = if false then a else [ ];
}

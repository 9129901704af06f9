# expect: taken 0, left 1
{ ... }:
{
  users.users.ann.openssh.authorizedKeys.keyFiles = [ (./keys + "/${"phone"}.pub") ];
}

# expect: taken 3, left 0
{ ... }:
{
  users.users.ann.openssh.authorizedKeys.keyFiles = [
    ./keys/phone.pub
    ./keys/several
  ];
}

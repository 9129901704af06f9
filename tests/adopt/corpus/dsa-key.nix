# expect: taken 0, left 1
{ ... }:
{
  users.users.ann.openssh.authorizedKeys.keys = [
    "ssh-dss AAAAB3NzaC1kc3MAAACBAN ann@museum"
  ];
}

# expect: taken 3, left 0
{
  users.users.root.openssh.authorizedKeys.keys = (import ../keys.nix).groups.infra;
}

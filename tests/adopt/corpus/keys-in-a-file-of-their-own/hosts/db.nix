{
  users.users.root.openssh.authorizedKeys.keys = with import ../keys.nix; users.bob;
}

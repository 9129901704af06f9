# expect: taken 0, left 1
{
  users.users.ann = import ../ann.nix;
}

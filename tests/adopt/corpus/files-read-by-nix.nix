# expect: taken 3, left 0
{ config, lib, pkgs, ... }:
{
  users.users.ann.openssh.authorizedKeys.keys =
    lib.splitString "\n" (builtins.readFile ./keys/several) ++ [ (lib.fileContents ./keys/phone.pub) ];
}

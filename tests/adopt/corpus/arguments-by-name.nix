# expect: taken 1, left 0
args@{ pkgs, ... }:
{
  users.users.root.openssh.authorizedKeys.keys = args.lib.optionals true [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga" ];
}

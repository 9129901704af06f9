# expect: taken 4, left 0
{ ... }:
let
  unrelated = 22;
  # everybody who administers
  admins = [
    # Yoga laptop
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95"
    # Phone
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk"
  ];
in
{
  services.openssh.ports = [ unrelated ];
  users.users.root.openssh.authorizedKeys.keys = admins;
  users.users.deploy = {
    isSystemUser = true;
    openssh.authorizedKeys.keys = admins;
  };
}

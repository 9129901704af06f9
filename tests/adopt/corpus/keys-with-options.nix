# expect: taken 3, left 0
{ ... }:
{
  users.users.ann.openssh.authorizedKeys.keys = [
    "from=\"10.0.0.0/8,192.168.0.0/16\",no-agent-forwarding ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOLavOr73qvW8f3+qKS88PNc6nyix1ofC+K3Oigeb95 ann@yoga"
    "restrict,command=\"echo \\\"hello world\\\"\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDepNLgEPjauU5z+kJ7LxowzOol5tx/cDzGIkyjXFkYk ann@phone"
    ''command="internal-sftp",restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9qba3LUlob3q5ktsR/IeqdXV1DJHDsQTt2D8tyOSsU sftp''
  ];
}

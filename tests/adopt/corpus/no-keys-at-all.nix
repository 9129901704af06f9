# expect: taken 0, left 0
{ ... }:
{
  users.users.ann.isNormalUser = true;
  services.openssh.authorizedKeysFiles = [ "/etc/ssh/authorized_keys.d/%u" ];
}

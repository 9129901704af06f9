{ config, ... }:
{
  users.users.root.openssh.authorizedKeys.keys = config.users.users.ann.openssh.authorizedKeys.keys;
}

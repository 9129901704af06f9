# Secrets for this host, from a signed bundle, at every boot and with no network. Start at docs/nixos.md.
{
  imports = [
    ./options.nix
    ./manifest.nix
    ./secrets.nix
    ./templates.nix
    ./spec.nix
    ./units.nix
    ./scripts.nix
    ./restart.nix
    ./credentials.nix
    ./users.nix
    ./push.nix
    ./assertions.nix
    ./warnings.nix
  ];
}

{
  outputs = { nixpkgs, ... }: {
    nixosConfigurations.web = nixpkgs.lib.nixosSystem { modules = [ ./hosts/web.nix ./common.nix ]; };
    nixosConfigurations.iso = nixpkgs.lib.nixosSystem { modules = [ ./common.nix ]; };
  };
}

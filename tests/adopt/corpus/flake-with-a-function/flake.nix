{
  outputs = { self, nixpkgs, ... }:
  let
    mkHost = name: nixpkgs.lib.nixosSystem {
      modules = [ ./profiles/base.nix (./machines + "/${name}.nix") ];
    };
  in
  {
    nixosConfigurations = {
      web = mkHost "one";
      db = mkHost "two";
    };
  };
}

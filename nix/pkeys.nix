# The operator's program.
{ callPackage }: callPackage ./package.nix { program = "pkeys"; }

# The host's program, and nothing of the operator's.
{ callPackage }: callPackage ./package.nix { program = "pkeys-activate"; }

# expect: taken 0, left 2
{ imports = [ ../common.nix ]; }

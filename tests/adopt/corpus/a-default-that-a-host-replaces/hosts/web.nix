# expect: taken 2, left 0
{ imports = [ ../common.nix ]; }

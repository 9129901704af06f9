# expect: taken 3, left 0
{ imports = [ ../common.nix ]; }

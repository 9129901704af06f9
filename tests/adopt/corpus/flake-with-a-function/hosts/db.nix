{ imports = [ ../profiles/base.nix ]; }

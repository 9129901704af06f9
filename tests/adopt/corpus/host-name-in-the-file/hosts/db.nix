import ../machines/two/configuration.nix

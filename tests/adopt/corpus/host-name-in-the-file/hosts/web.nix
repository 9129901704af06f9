# expect: taken 2, left 0
import ../machines/one/configuration.nix

# The line of the key that may push to the test hosts.
builtins.head (builtins.match "([^\n]*)\n" (builtins.readFile ./fixtures/keys/ann.pub))

# The line of the signer whose bundles the test hosts trust.
builtins.head (builtins.match "([^\n]*)\n" (builtins.readFile ./fixtures/keys/signer.pub))

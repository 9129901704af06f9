# The bundle's public manifest, read while evaluating, and the bundle as a path of its own in the store.
{ config, ... }:
let
  cfg = config.pkeys;
  own = import ./lib.nix;
in
{
  pkeys.internal = {
    manifest =
      if cfg.bundle == null then
        {
          inherit (cfg) host;
          secrets = [ ];
          authorized_keys = { };
        }
      else
        own.readManifest cfg.host cfg.bundle;

    # Only this host's three files: the path changes when the bundle does, and not with the rest of the repository.
    bundles =
      (
        if cfg.bundle == null then
          [ ]
        else
          [
            "${builtins.path {
              path = cfg.bundle;
              name = "pkeys-bundle-${cfg.host}";
              filter =
                path: type:
                type == "regular"
                && builtins.elem (baseNameOf path) [
                  "manifest.json"
                  "manifest.json.sig"
                  "secrets.age"
                ];
            }}"
          ]
      )
      ++ [ "/var/lib/pkeys/bundle" ];
  };
}

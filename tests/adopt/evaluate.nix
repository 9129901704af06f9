# The keys that a host's configuration gives its users: { user = { keys = [ line ]; pkeys = bool; }; }, as JSON.
{
  root,
  host,
  nixpkgsLib ? "",
}:
let
  own = import ./lib.nix;
  lib = if nixpkgsLib == "" then own else import (/. + nixpkgsLib);
  top = /. + root;
  single = top + "/shared.nix";
  modules = [
    (if builtins.pathExists single then single else top + "/hosts/${host}.nix")
    { networking.hostName = host; }
  ];
  users = [
    "ann"
    "backup"
    "bob"
    "ci"
    "deploy"
    "root"
  ];
  linesOf = keys: files: keys ++ map builtins.readFile files;

  withOwn =
    let
      get = own.definitionsOf modules {
        inherit lib config;
        pkgs = { };
      };
      both =
        user: name:
        get [
          "users"
          "users"
          user
          "openssh"
          "authorizedKeys"
          name
        ]
        ++ get [
          "users"
          "extraUsers"
          user
          "openssh"
          "authorizedKeys"
          name
        ];
      keysOf = user: builtins.concatLists (both user "keys");
      config = {
        networking.hostName = host;
        users.users = lib.genAttrs users (user: {
          openssh.authorizedKeys.keys = keysOf user;
        });
        my.admin.enable = true;
        my.ann.enable = host == "web";
      };
    in
    lib.genAttrs users (user: {
      keys = linesOf (keysOf user) (builtins.concatLists (both user "keyFiles"));
      pkeys = builtins.elem true (both user "pkeys");
    });

  withNixpkgs =
    let
      inherit (lib) mkOption types;
      keys.options = {
        isNormalUser = mkOption {
          type = types.bool;
          default = false;
        };
        isSystemUser = mkOption {
          type = types.bool;
          default = false;
        };
        extraGroups = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
        openssh.authorizedKeys = {
          keys = mkOption {
            type = types.listOf types.str;
            default = [ ];
          };
          keyFiles = mkOption {
            type = types.listOf types.path;
            default = [ ];
          };
          pkeys = mkOption {
            type = types.bool // {
              merge = _: lib.any (definition: definition.value);
            };
            default = false;
          };
        };
      };
      anything = mkOption {
        type = types.anything;
        default = { };
      };
      config =
        (lib.evalModules {
          modules = modules ++ [
            (lib.mkAliasOptionModule [ "users" "extraUsers" ] [ "users" "users" ])
            (
              { lib, options, ... }:
              {
                options = {
                  networking.hostName = mkOption { type = types.str; };
                  users.users = mkOption {
                    type = types.attrsOf (types.submodule keys);
                    default = { };
                  };
                  services = anything;
                  boot = anything;
                  containers = mkOption {
                    type = types.lazyAttrsOf types.raw;
                    default = { };
                  };
                };
                config = {
                  _module.args.pkgs = { };
                }
                // lib.optionalAttrs (options ? my) {
                  my =
                    lib.optionalAttrs (options.my ? admin) { admin.enable = true; }
                    // lib.optionalAttrs (options.my ? ann) { ann.enable = host == "web"; };
                };
              }
            )
          ];
        }).config;
      of = config.users.users;
    in
    lib.genAttrs users (user: {
      keys =
        if of ? ${user} then
          linesOf of.${user}.openssh.authorizedKeys.keys of.${user}.openssh.authorizedKeys.keyFiles
        else
          [ ];
      pkeys = of ? ${user} && of.${user}.openssh.authorizedKeys.pkeys;
    });
in
if nixpkgsLib == "" then withOwn else withNixpkgs

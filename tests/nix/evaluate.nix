# Evaluates hosts with the real module system: nix-instantiate --eval --strict --json -A … with `nixpkgsLib`.
{ nixpkgsLib }:
let
  lib = import (/. + nixpkgsLib);
  pkgs = import ./pkgs.nix { inherit lib; };
  evaluate =
    modules:
    lib.evalModules {
      modules = [
        ./nixos.nix
        ../../nix-module
        { _module.args = { inherit pkgs; }; }
      ]
      ++ modules;
    };
  render = import ./render.nix { inherit lib; };
  complaints = config: {
    failed = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
    inherit (config) warnings;
  };
  hosts = lib.genAttrs [ "minimal" "script" "systemd" ] (
    name: (evaluate [ (./hosts + "/${name}.nix") ]).config
  );
in
{
  # What the example hosts come to: { HOST."path of a file" = "its text"; }, and what is complained of.
  files = lib.mapAttrs (_: render) hosts;
  complaints = lib.mapAttrs (_: complaints) hosts;

  # True for each bad configuration of which the one expected thing is said, and otherwise all that is said.
  bad = lib.mapAttrs (
    _: test:
    let
      said =
        complaints
          (evaluate [
            ./hosts/minimal.nix
            test.module
          ]).config;
      one = list: part: builtins.length list == 1 && lib.hasInfix part (builtins.head list);
    in
    if
      (
        if test ? fails then
          one said.failed test.fails && said.warnings == [ ]
        else
          one said.warnings test.warns
      )
    then
      true
    else
      said
  ) (import ./bad.nix { inherit lib; });

  # Configurations that must evaluate to `true`.
  good = lib.mapAttrs (
    _: test:
    test.holds
      (evaluate [
        ./hosts/minimal.nix
        (test.module or { })
      ]).config
  ) (import ./good.nix { inherit lib; });

  # The options, for docs/nixos.md.
  options = import ./options.nix { inherit lib; } (evaluate [ ]).options.pkeys;
}

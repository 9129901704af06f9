# The module's own logic, with Nix's builtins alone: what is not as expected, by name.
let
  own = import ../../nix-module/lib.nix;
  names = [
    "app-token"
    "db-password"
    "tailscale-auth-key"
  ];
  fails = expression: !(builtins.tryEval (builtins.deepSeq expression true)).success;

  tests = {
    the-distance-of-equal-words-is-none = own.editDistance "token" "token" == 0;
    the-distance-counts-letters = own.editDistance "kitten" "sitting" == 3;
    the-distance-from-nothing-is-the-length =
      own.editDistance "" "abc" == 3 && own.editDistance "abc" "" == 3;
    a-typo-finds-its-name =
      own.didYouMean "tailscale-authkey" names == " Did you mean `tailscale-auth-key`?";
    the-nearest-wins = own.nearest "db-pasword" ([ "db-passwords" ] ++ names) == "db-password";
    another-word-finds-none = own.didYouMean "grafana" names == "";
    no-names-find-none = own.didYouMean "x" [ ] == "";

    names-are-plain = builtins.all own.isName (
      [
        "a"
        "A.b_c-9"
      ]
      ++ names
    );
    other-names-are-refused =
      builtins.filter own.isName [
        ""
        "-a"
        ".a"
        "_a"
        "a/b"
        "a b"
        "ä"
        "a\n"
      ] == [ ];
    names-have-an-end =
      own.isName (builtins.concatStringsSep "" (builtins.genList (_: "a") 128))
      && !own.isName (builtins.concatStringsSep "" (builtins.genList (_: "a") 129));

    placeholders-are-found =
      own.placeholdersIn "a=${own.placeholder "x"}${own.placeholder "y.z"}\nb=@pkeys:@ @pkeys:-q@" == [
        "x"
        "y.z"
      ];
    text-has-no-placeholder = own.placeholdersIn "user@example.org" == [ ];

    duplicates-are-found =
      own.duplicates [
        "b"
        "a"
        "b"
      ] == [ "b" ];
    below-is-by-parts =
      own.isBelow "/run/pkeys" "/run/pkeys/x" && !own.isBelow "/run/pkeys" "/run/pkeys.d";
    all-is-below-the-root = own.isBelow "/" "/etc";
    the-longest-mount-counts = own.mountPointOf [ "/" "/persist" ] "/persist/etc/key" == "/persist";
    no-mount-is-none = own.mountPointOf [ "/home" ] "/etc/key" == null;

    a-unit-has-a-name-and-a-type =
      own.unitParts "a.b@c.service" == {
        name = "a.b@c";
        type = "service";
      };
    the-own-place-is-no-link =
      own.linksOf {
        path = "/run/pkeys/secrets/a";
        ownPath = "/run/pkeys/secrets/a";
        symlinks = [ "/etc/a" ];
      } == [ "/etc/a" ];

    a-manifest-is-read = (own.readManifest "web" ./fixtures/bundles/web).generation == 1;
    a-manifest-of-the-first-format-is-read = !(own.readManifest "web" ./fixtures/format-1 ? fleet);
    a-missing-bundle-fails = fails (own.readManifest "web" ./fixtures/bundles/none);
    another-file-fails = fails (own.readManifest "web" ./fixtures/other);
  };
in
builtins.filter (name: !tests.${name}) (builtins.attrNames tests)

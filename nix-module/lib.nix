# What the module decides by itself, with Nix's builtins alone: the tests evaluate it without nixpkgs.
let
  inherit (builtins)
    all
    attrNames
    elemAt
    filter
    foldl'
    genList
    groupBy
    head
    isList
    length
    match
    sort
    split
    stringLength
    substring
    tail
    ;

  minimum = foldl' (a: b: if b < a then b else a);

  characters = text: genList (i: substring i 1 text) (stringLength text);

  # One row of the matrix of edit distances after another.
  nextRow =
    columns: row: letter:
    foldl'
      (
        { done, left }:
        i:
        let
          same = if elemAt columns i == letter then 0 else 1;
          here = minimum (left + 1) [
            (elemAt row (i + 1) + 1)
            (elemAt row i + same)
          ];
        in
        {
          done = done ++ [ here ];
          left = here;
        }
      )
      {
        done = [ (head row + 1) ];
        left = head row + 1;
      }
      (genList (i: i) (length columns));
in
rec {
  # How many letters must be added, removed or replaced to make `b` of `a`.
  editDistance =
    a: b:
    let
      columns = characters b;
      start = genList (i: i) (length columns + 1);
      last = foldl' (row: letter: (nextRow columns row letter).done) start (characters a);
    in
    elemAt last (length columns);

  # The one of `names` that was probably meant, or null: at most a third of its letters are wrong.
  nearest =
    name: names:
    let
      measured = map (candidate: {
        inherit candidate;
        distance = editDistance name candidate;
      }) names;
      close = filter (m: m.distance * 3 <= stringLength name + 2) measured;
      sorted = sort (a: b: a.distance < b.distance) close;
    in
    if sorted == [ ] then null else (head sorted).candidate;

  # " Did you mean `x`?", or nothing.
  didYouMean =
    name: names:
    let
      near = nearest name names;
    in
    if near == null then "" else " Did you mean `${near}`?";

  # The rule of docs/bundle.md.
  isName = name: match "[A-Za-z0-9][A-Za-z0-9._-]*" name != null && stringLength name <= 128;

  # The secret of a bundle that is a new SSH host key (docs/bundle.md).
  newHostKey = "ssh-host-key";

  # What stands for a secret in a template.
  placeholder = name: "@pkeys:${name}@";

  # The names of the secrets that a template's text needs.
  placeholdersIn = text: map head (filter isList (split "@pkeys:([A-Za-z0-9][A-Za-z0-9._-]*)@" text));

  # The members that are there more than once.
  duplicates =
    list:
    let
      groups = groupBy (member: member) list;
    in
    filter (member: length groups.${member} > 1) (attrNames groups);

  unique = list: attrNames (groupBy (member: member) list);

  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;

  # Whether `path` is `directory` or below it.
  isBelow = directory: path: path == directory || directory == "/" || hasPrefix "${directory}/" path;

  # The longest of `mountPoints` that `path` is below, or null.
  mountPointOf =
    mountPoints: path:
    let
      above = filter (mountPoint: isBelow mountPoint path) mountPoints;
      longer = a: b: stringLength a > stringLength b;
    in
    if above == [ ] then null else head (sort longer above);

  # "nginx.service" as { name = "nginx"; type = "service"; }; null when it has no type.
  unitParts =
    unit:
    let
      parts = match "(.+)\\.([a-z]+)" unit;
    in
    if parts == null then
      null
    else
      {
        name = head parts;
        type = head (tail parts);
      };

  # The public manifest of a bundle, or a sentence about what is to be done.
  readManifest =
    host: bundle:
    let
      file = bundle + "/manifest.json";
      manifest = builtins.fromJSON (builtins.readFile file);
      # The first names no fleet.
      formats = [
        "pkeys-bundle/1"
        "pkeys-bundle/2"
      ];
      whole = [
        "format"
        "host"
        "secrets"
        "authorized_keys"
      ];
    in
    if !builtins.pathExists file then
      throw ''
        pkeys.bundle: there is no bundle at ${toString bundle}.
        Run `pkeys render ${host}`, and `git add` what it wrote: a flake sees only the files that git knows.''
    else if !all (key: manifest ? ${key}) whole || !builtins.elem manifest.format formats then
      throw ''
        pkeys.bundle: ${toString file} is not a manifest of the format ${builtins.concatStringsSep " or " formats}.
        Module and program must be of the same release: update one, then run `pkeys render --force ${host}`.''
    else
      manifest;

  # The places where files want to be found, each file's own place under /run left out.
  linksOf = file: filter (path: path != file.ownPath) ([ file.path ] ++ file.symlinks);
}

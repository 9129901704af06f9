# The few functions of nixpkgs' lib that the corpus uses, and modules as far as users' keys need them: for where there is
# no nixpkgs. With nixpkgs' lib, tests/adopt/evaluate.nix uses that.
let
  lib = rec {
    inherit (builtins)
      attrValues
      concatLists
      elem
      genList
      isAttrs
      isFunction
      isList
      ;
    property =
      _type: content: more:
      { inherit _type content; } // more;
    mkIf = condition: content: property "if" content { inherit condition; };
    mkMerge = contents: {
      _type = "merge";
      inherit contents;
    };
    mkOverride = priority: content: property "override" content { inherit priority; };
    mkForce = mkOverride 50;
    mkDefault = mkOverride 1000;
    mkOrder = priority: content: property "order" content { inherit priority; };
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    mkEnableOption = _: { };
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: list: if condition then list else [ ];
    singleton = value: [ value ];
    flatten = value: if isList value then builtins.concatMap flatten value else [ value ];
    unique = builtins.foldl' (all: value: if elem value all then all else all ++ [ value ]) [ ];
    genAttrs =
      names: make:
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = make name;
        }) names
      );
    splitString = by: text: builtins.filter builtins.isString (builtins.split by text);
    removeSuffix =
      suffix: text:
      let
        length = builtins.stringLength text - builtins.stringLength suffix;
      in
      if length >= 0 && builtins.substring length (-1) text == suffix then
        builtins.substring 0 length text
      else
        text;
    fileContents = path: removeSuffix "\n" (builtins.readFile path);
  };

  # What is left of a value when conditions and priorities are taken off: a list of { value, priority }.
  discharge =
    priority: value:
    let
      type = value._type or null;
    in
    if type == "if" then
      lib.optionals value.condition (discharge priority value.content)
    else if type == "merge" then
      builtins.concatMap (discharge priority) value.contents
    else if type == "override" then
      discharge value.priority value.content
    else if type == "order" then
      discharge priority value.content
    else
      [ { inherit value priority; } ];

  # The values of an option, where each value may be a set with more of it.
  at =
    path: definitions:
    if path == [ ] then
      definitions
    else
      at (builtins.tail path) (
        builtins.concatMap (
          definition:
          lib.optionals (definition.value ? ${builtins.head path}) (
            discharge definition.priority definition.value.${builtins.head path}
          )
        ) definitions
      );

  collect =
    arguments: module:
    let
      loaded = if builtins.isPath module || builtins.isString module then import module else module;
      set = if builtins.isFunction loaded then loaded arguments else loaded;
      isShort = !(set ? config);
      own =
        if isShort then
          removeAttrs set [
            "imports"
            "options"
          ]
        else
          set.config;
    in
    [ own ] ++ builtins.concatMap (collect arguments) (set.imports or [ ]);
in
lib
// {
  # `modules` -> the definitions of an option, without those that others override.
  definitionsOf =
    modules: arguments: path:
    let
      found = at path (
        builtins.concatMap (discharge 100) (builtins.concatMap (collect arguments) modules)
      );
      least = builtins.foldl' (
        least: one: if one.priority < least then one.priority else least
      ) 9999 found;
    in
    map (one: one.value) (builtins.filter (one: one.priority == least) found);
}

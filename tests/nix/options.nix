# The options as Markdown, for docs/nixos.md.
{ lib }:
options:
let
  visible = builtins.filter (option: option.visible && !option.internal) (
    lib.optionAttrSetToDocList options
  );
  value =
    v:
    if v._type or "" == "literalMD" then
      " ${v.text}"
    else if lib.hasInfix "\n" v.text then
      "\n\n  ```nix\n${
        lib.concatMapStringsSep "\n" (line: "  ${line}") (
          lib.splitString "\n" (lib.removeSuffix "\n" v.text)
        )
      }\n  ```"
    else
      " `${v.text}`";
  sentence = text: lib.replaceStrings [ "\n" ] [ " " ] (lib.removeSuffix "\n" text);
  paragraphs = text: lib.concatMapStringsSep "\n\n" sentence (lib.splitString "\n\n" text);
  entry =
    option:
    ''
      ### `${option.name}`

      ${paragraphs option.description}

      - type: ${option.type}
    ''
    + lib.optionalString (option ? default) "- default:${value option.default}\n"
    + lib.optionalString (option ? example) "- example:${value option.example}\n"
    + lib.optionalString option.readOnly "- read-only\n";
in
lib.concatMapStringsSep "\n" entry visible

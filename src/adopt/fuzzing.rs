//! Fuzzing of rewriting Nix files.

use super::plan::{Adoption, of_tree};
use crate::keys::UserKeys;
use crate::manifest::Manifest;
use crate::nixfiles::fuzzing::{can_be_shown, each_is_a_part_of, tree_of};
use pkeys_bundle::fuzzing::needle::each_text;

const MANIFEST: &str = "version = 1\n[hosts.web]\n[hosts.db]\n[users.ann]\nhosts = [\"web\"]\n";

fn plan(manifest: &Manifest, text: &str, keys: &UserKeys) -> Adoption {
    let (tree, unread) = tree_of(text);
    of_tree(&tree, unread, &[], manifest, keys, (&[], None)).expect("keys that were found can stand together")
}

/// Files separated by NUL, of which the first is a host's: what is written parses and is what was there without what
/// moved, and a second run finds nothing to do.
pub fn adopt(bytes: &[u8]) {
    each_text(bytes, |text| {
        let manifest = crate::manifest::parse::read::<Manifest>("pkeys.toml", MANIFEST, "").expect("a manifest");
        let first = plan(&manifest, text, &UserKeys::default());
        can_be_shown(&first.left);
        if first.changed.is_empty() {
            return;
        }
        assert!(!first.taken.is_empty(), "files change and no key moves");
        let new = each_is_a_part_of(text, &first.changed, &["pkeys"]);
        let second = plan(&manifest, &new, &first.keys);
        assert!(second.changed.is_empty(), "a second run changes more: {:?}", second.changed);
        assert_eq!(second.keys, first.keys);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEYS: [&str; 3] = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAJSRNUWgI+OIjzO1q+FZ0NQ8rPF620EHEERr2g+Ejcw",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdkoSukVfg6r463QeUVfDYUoxF5VaW1f9+faPW8yugu",
        "restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
    ];

    fn list() -> impl Strategy<Value = String> {
        let key = prop::sample::select(&KEYS[..]).prop_map(|key| format!("\"{key}\""));
        let element =
            prop_oneof![key, Just("one".into()), Just("# a note\n".into()), Just("(builtins.head more)".into())];
        let plain = prop::collection::vec(element, 0..4).prop_map(|all| format!("[ {} ]", all.join(" ")));
        let list = prop_oneof![4 => plain, 1 => Just("more".into()), 1 => Just("lib.attrValues set".into())];
        list.prop_recursive(2, 4, 2, |list| {
            prop_oneof![
                (list.clone(), list.clone()).prop_map(|(one, two)| format!("{one} ++ {two}")),
                list.clone().prop_map(|list| format!("lib.mkForce ({list})")),
                list.clone().prop_map(|list| format!("lib.optionals (config.networking.hostName == \"web\") ({list})")),
                list.prop_map(|list| format!("lib.mkIf config.x.enable ({list})")),
            ]
        })
    }

    fn module() -> impl Strategy<Value = String> {
        let binding = (prop::sample::select(vec!["ann", "bob", "root"]), list(), 0..3).prop_map(|(user, list, form)| match form {
            0 => format!("  users.users.{user}.openssh.authorizedKeys.keys = {list};\n"),
            1 => format!("  users.users.{user} = {{\n    shell = 1; # kept\n    openssh.authorizedKeys.keys = {list};\n  }};\n"),
            _ => format!("  users.users.\"{user}\".openssh.authorizedKeys = {{ keys = {list}; }}; other = \"{user}\";\n"),
        });
        prop::collection::vec(binding, 1..4).prop_map(|all| {
            let names = format!("one = \"{}\"; more = [ one ]; set = {{ a = one; }};", KEYS[0]);
            format!("{{ config, lib, ... }}:\nlet {names} in\n{{\n{}}}\n", all.concat())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_module_is_rewritten_once_and_keeps_the_rest(module in module()) {
            adopt(module.as_bytes());
        }
    }
}

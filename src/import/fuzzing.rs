//! Fuzzing of taking over what other tools are told.

use super::declared::Tool;
use super::plan::{Import, of_tree};
use crate::manifest::Manifest;
use crate::nixfiles::fuzzing::{can_be_shown, replaced, tree_of};
use pkeys_bundle::fuzzing::needle::each_text;

const MANIFEST: &str = "version = 1\n[hosts.web]\n[hosts.db]\n";

/// Files separated by NUL, of which the first is a host's, once for each tool: what is written parses, and a second run
/// finds nothing to do.
pub fn import(bytes: &[u8]) {
    each_text(bytes, |text| {
        let manifest = crate::manifest::parse::read::<Manifest>("pkeys.toml", MANIFEST, "").expect("a manifest");
        for tool in [Tool::Opnix, Tool::SopsNix, Tool::Agenix, Tool::AgenixRekey] {
            let plan = |text: &str| -> Import {
                let (tree, unread) = tree_of(text);
                of_tree(&tree, unread, &manifest, tool, &[])
            };
            let first = plan(text);
            can_be_shown(&first.left);
            if first.changed.is_empty() {
                continue;
            }
            assert!(!first.taken.is_empty() || !first.lines.is_empty(), "files change and nothing moves");
            // Of two values of one name one stays; without its rival it would be taken, and is compared with it then.
            if first.left.iter().any(|left| left.why.contains("has another value")) {
                continue;
            }
            let second = plan(&replaced(text, &first.changed));
            assert!(second.changed.is_empty(), "a second run changes more: {:?}", second.changed);
        }
    });
}

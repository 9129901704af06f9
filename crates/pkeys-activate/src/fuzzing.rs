//! Fuzzing of what the host's program is told: its spec and the templates in it.

use super::{FileSettings, Spec, template};
use pkeys_bundle::base::SecretName;
use pkeys_bundle::fuzzing::needle::{NEEDLE, discreet, each, each_text, one_line};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// The spec: links reach nothing of pkeys' own and no other link's inside, modes give nothing to others, and the same JSON
/// in another form is the same spec.
pub fn spec(bytes: &[u8]) {
    each(bytes, |bytes| {
        let spec = match Spec::parse(bytes) {
            Ok(spec) => spec,
            Err(error) => {
                // Paths are named, which are no secrets.
                let of_path = [" is inside of ", " is kept for ", " is claimed twice"];
                let named = error.message().contains(NEEDLE) && of_path.iter().any(|of| error.message().contains(of));
                return if named { one_line(&error.one_line()) } else { discreet(&error) };
            }
        };
        let files: Vec<_> =
            spec.secrets.values().map(|s| &s.file).chain(spec.templates.values().map(|t| &t.file)).collect();
        let links: Vec<_> = files.iter().copied().flat_map(FileSettings::links).collect();
        assert!(files.iter().all(|file| file.mode().is_ok_and(|mode| mode & !0o770 == 0)));
        for link in &links {
            let mut parts = link.components();
            assert!(parts.next() == Some(Component::RootDir) && parts.all(|part| matches!(part, Component::Normal(_))));
            assert!(!link.starts_with("/run/pkeys.d") && !link.starts_with(&spec.state_directory));
            assert!(!links.iter().any(|other| other != link && link.starts_with(other)), "one is inside of another");
        }
        assert_eq!(links.iter().collect::<BTreeSet<_>>().len(), links.len(), "a place is claimed twice");
        assert!(spec.identities.iter().all(|path| path.is_absolute() && !path.starts_with(Path::new("/nix/store"))));

        let value: serde_json::Value = serde_json::from_slice(bytes).expect("it was read before");
        let again = Spec::parse(value.to_string().as_bytes()).expect("the same in another form");
        assert_eq!(format!("{again:?}"), format!("{spec:?}"));
    });
}

/// A template: with each placeholder as its own secret it comes out as it went in, and what is between placeholders stays.
pub fn template(bytes: &[u8]) {
    each_text(bytes, |text| {
        let names = match template::names(text) {
            Ok(names) => names,
            Err(error) => return discreet(&error),
        };
        let own: BTreeMap<SecretName, String> =
            names.iter().map(|name| (name.clone(), format!("@pkeys:{name}@"))).collect();
        let filled = template::fill(text, |name| own.get(name).map(String::as_bytes)).expect("all are there");
        assert_eq!(filled.expose(), text.as_bytes());
        let emptied = template::fill(text, |_| Some(b"")).expect("all are there");
        let placeholders: usize = names.iter().map(|name| own[name].len()).sum();
        assert_eq!(emptied.len() + placeholders, text.len());
        match template::fill(text, |_| None) {
            Ok(filled) => assert!(names.is_empty() && filled.expose() == text.as_bytes()),
            Err(error) => discreet(&error),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIGNER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdkoSukVfg6r463QeUVfDYUoxF5VaW1f9+faPW8yugu";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_spec_that_is_taken_keeps_its_promises(
            files in prop::collection::btree_map(
                "[a-z][a-z.-]{0,5}",
                ("(0400|440|0770|600|0400|440|0404)", prop::option::weighted(0.9, "(/(a|b|a|b|a|b|run|pkeys|[.]{2})){1,2}"), prop::option::of(0..9_u32), "(a[.]service|b[.]timer|a[.]service|b[.]timer|/ a)"),
                0..4,
            ),
            text in "([a-z]|@pkeys:[a-z.]{1,3}@){0,4}",
        ) {
            let file = |(name, (mode, path, uid, unit)): (String, (String, Option<String>, Option<u32>, String))| {
                (name, serde_json::json!({ "mode": mode, "path": path, "uid": uid, "restartUnits": [unit] }))
            };
            let secrets: serde_json::Map<_, _> = files.into_iter().map(file).collect();
            let json = serde_json::json!({
                "version": 1, "host": "web", "bundles": ["/b"], "identities": ["/k"], "trustedSigners": [SIGNER],
                "secrets": secrets, "templates": { "t": { "content": text } },
            });
            spec(json.to_string().as_bytes());
        }
    }
}

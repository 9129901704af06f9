//! The spec's rules, and that its documentation says what the code does.

use super::*;

const SIGNER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdkoSukVfg6r463QeUVfDYUoxF5VaW1f9+faPW8yugu";

fn spec(more: &str) -> String {
    format!(
        r#"{{"version": 1, "host": "web", "bundles": ["/b"], "identities": ["/k"], "trustedSigners": ["{SIGNER}"]{more}}}"#
    )
}

fn error_of(more: &str) -> String {
    Spec::parse(spec(more).as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_least_spec_has_the_documented_defaults() {
    let spec = Spec::parse(spec(r#", "secrets": {"a": {}}"#).as_bytes()).unwrap();
    assert_eq!((spec.keep_generations, spec.state_directory.to_str()), (1, Some("/var/lib/pkeys")));
    let secret = &spec.secrets["a"];
    assert_eq!((secret.phase, secret.file.mode().unwrap()), (Phase::Services, 0o400));
    assert!(secret.file.owner.is_none() && secret.file.path.is_none());
}

#[test]
fn what_cannot_be_is_refused() {
    for (more, error) in [
        (r#", "secret": {}"#, "the spec cannot be read"),
        (r#", "secrets": {"a": {"modus": "0400"}}"#, "secret a: unknown field `modus`"),
        (r#", "secrets": {"a/b": {}}"#, "the spec cannot be read"),
        (r#", "secrets": {"a": {"mode": "0444"}}"#, "secret a: the mode cannot be"),
        (r#", "secrets": {"a": {"mode": "rw"}}"#, "secret a: the mode cannot be"),
        (r#", "secrets": {"a": {"mode": "4400"}}"#, "secret a: the mode cannot be"),
        (r#", "secrets": {"a": {"path": "etc/a"}}"#, "secret a: a path is not absolute"),
        (r#", "secrets": {"a": {"path": "/etc/../a"}}"#, "secret a: a path is not absolute"),
        (r#", "secrets": {"a": {"path": "/"}}"#, "secret a: its path is the root directory"),
        (r#", "secrets": {"a": {"mode": "+400"}}"#, "secret a: the mode cannot be"),
        (r#", "secrets": {"a": {"uid": 4294967295}}"#, "secret a: the number 4294967295 is no owner"),
        (r#", "secrets": {"a": {"gid": 4294967295}}"#, "secret a: the number 4294967295 is no owner"),
        (r#", "secrets": {"a": {"path": "/run/pkeys"}}"#, "secret a: /run/pkeys is kept"),
        (r#", "secrets": {"a": {"symlinks": ["/run/pkeys/secrets/b"]}}"#, "secret a: /run/pkeys/secrets/b is kept"),
        (r#", "secrets": {"a": {"path": "/run/pkeys-for-users"}}"#, "secret a: /run/pkeys-for-users is kept"),
        (r#", "secrets": {"a": {"path": "/run/pkeys.d/1"}}"#, "secret a: /run/pkeys.d/1 is kept"),
        (r#", "secrets": {"a": {"path": "/run/pkeys.lock"}}"#, "secret a: /run/pkeys.lock is kept"),
        (r#", "secrets": {"a": {"path": "/var/lib/pkeys/links.json"}}"#, "secret a: /var/lib/pkeys/links.json is kept"),
        (
            r#", "secrets": {"a": {"path": "/run/pkeys/secrets/a", "phase": "users"}}"#,
            "secret a: /run/pkeys/secrets/a is kept",
        ),
        (r#", "secrets": {"a": {"path": "/x/y/z"}, "b": {"path": "/x/y"}}"#, "/x/y/z is inside of /x/y"),
        (r#", "secrets": {"a": {"path": "/x"}, "b": {"symlinks": ["/x"]}}"#, "secret b: /x is claimed twice"),
        (r#", "secrets": {"a": {"owner": "x", "uid": 3}}"#, "secret a: it has both"),
        (r#", "secrets": {"a": {"restartUnits": ["nginx"]}}"#, "secret a: a unit's name cannot be"),
        (r#", "templates": {"t": {"content": "@pkeys:a"}}"#, "template t: a placeholder has no end"),
        (
            r#", "stateDirectory": "/nix/store/x""#,
            "an identity, the host key or the state directory is in the Nix store",
        ),
        (r#", "hostKey": {"path": "/nix/store/x"}"#, "an identity, the host key or the state directory is in the Nix"),
        (r#", "hostKey": {"path": "key"}"#, "a path is not absolute"),
        (r#", "keepGenerations": 0"#, "keepGenerations is 0"),
    ] {
        let found = error_of(more);
        assert!(found.starts_with(error), "{more}: {found}");
    }
    for fine in [
        r#", "secrets": {"a": {"path": "/run/pkeys/secrets/a", "symlinks": ["/x/y", "/x/yz", "/run/other"]}}"#,
        r#", "secrets": {"a": {"path": "/run/pkeys-for-users/secrets/a", "phase": "users"}}"#,
        r#", "templates": {"t": {"content": "", "path": "/run/pkeys/templates/t"}}"#,
    ] {
        Spec::parse(spec(fine).as_bytes()).unwrap();
    }
    let two = spec("").replace("\"version\": 1", "\"version\": 2");
    assert_eq!(Spec::parse(two.as_bytes()).unwrap_err().message(), "the spec's version is not 1");
}

/// `docs/spec.schema.json` is made from the types: `UPDATE_SCHEMA=1 cargo test --lib spec`.
#[test]
fn the_schema_in_docs_is_the_codes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec.schema.json");
    let schema = schemars::schema_for!(Spec);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    let there: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap_or_default()).unwrap_or_default();
    // As values: the order of the keys depends on how serde_json is built, which other crates decide together.
    assert_eq!(there, serde_json::to_value(schema).unwrap(), "run it with UPDATE_SCHEMA=1");
}

#[test]
fn every_field_is_described_in_docs() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec.md")).unwrap_or_default();
    let schema = serde_json::to_value(schemars::schema_for!(Spec)).unwrap();
    let mut fields: Vec<String> = Vec::new();
    let mut collect = |object: &serde_json::Value| {
        fields.extend(object["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    };
    collect(&schema);
    schema["$defs"].as_object().unwrap().values().for_each(&mut collect);
    assert!(fields.len() > 15, "{fields:?}");
    for field in fields {
        assert!(text.contains(&format!("`{field}`")), "docs/spec.md does not describe {field}");
    }
}

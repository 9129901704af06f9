//! What the host's program must not pull in.

use std::process::Command;

fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none", "--format", "{p}", "-e", "normal,no-proc-macro"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints text")
}

const FORBIDDEN: &[&str] = &[
    "reqwest",
    "hyper",
    "http",
    "h2",
    "rustls",
    "ring",
    "openssl",
    "native-tls",
    "tokio",
    "async-io",
    "async-executor",
    "smol",
    "zbus",
    "cedar-policy",
    "cedar-policy-core",
    "miette",
    "toml",
    "toml_edit",
    "keyring",
    "indicatif",
    "qrcode",
    "vsss-rs",
    "gix",
    "regex",
    "rnix",
];

fn crates(tree: &str) -> Vec<&str> {
    tree.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn the_hosts_program_has_no_http_tls_async_or_policy_crate() {
    let tree = tree(&["--package", "pkeys-activate"]);
    let found: Vec<_> = crates(&tree).into_iter().filter(|name| FORBIDDEN.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(crates(&tree).contains(&"age"), "the tree was not read");
}

#[test]
fn what_is_fuzzed_has_the_versions_that_are_shipped() {
    let read = |path: &str| {
        let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let package = |entry: &str| {
            let value = |name: &str| Some(entry.split_once(name)?.1.split('"').next()?.to_owned());
            Some((value("name = \"")?, value("version = \"")?))
        };
        text.split("[[package]]").filter_map(package).collect::<std::collections::BTreeSet<_>>()
    };
    let (fuzzed, shipped) = (read("fuzz/Cargo.lock"), read("Cargo.lock"));
    assert!(fuzzed.len() > 300);
    let own: Vec<_> = fuzzed.difference(&shipped).map(|(name, _)| name.as_str()).collect();
    assert!(own.iter().all(|name| ["arbitrary", "jobserver", "libfuzzer-sys", "pkeys-fuzz"].contains(name)), "{own:?}");
}

#[test]
fn the_list_names_crates_that_the_operators_program_really_has() {
    let tree = tree(&["--package", "pkeys"]);
    for name in [
        "reqwest",
        "hyper",
        "rustls",
        "ring",
        "tokio",
        "toml_edit",
        "qrcode",
        "vsss-rs",
        "cedar-policy",
        "miette",
        "gix",
        "rnix",
    ] {
        assert!(crates(&tree).contains(&name), "{name}");
    }
}

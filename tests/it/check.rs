//! What `check` finds that no other command says in time.

use crate::common::Sandbox;

#[test]
fn files_that_nobody_reads_as_rules_are_named() {
    let sandbox = Sandbox::new();
    let policies = sandbox.repo().join("policies");
    std::fs::create_dir_all(policies.join("team")).unwrap();
    std::fs::create_dir_all(policies.join("tests")).unwrap();
    let rule = "@id(\"no-db\")\n@reason(\"r\")\n@fix(\"f\")\nforbid (principal, action == Action::\"deliver\", resource == Secret::\"db\");\n";
    let ignored = [
        "no-db.ceder",
        "no-db.cedar.bak",
        ".hidden.cedar",
        "team/no-db.cedar",
        "leaked.txt",
        "tests/a.tml",
        "tests/x.cedar",
    ];
    for name in ignored {
        std::fs::write(policies.join(name), rule).unwrap();
    }
    for name in ["README.md", "pkeys.cedarschema", "leaked-keys.txt", "tests/a.toml"] {
        std::fs::write(policies.join(name), "").unwrap();
    }
    std::fs::write(policies.join("mine.cedar"), rule).unwrap();
    let said = sandbox.pkeys(&["check"]).out;
    let mut named: Vec<_> = said.lines().filter(|line| line.contains("this file is not read")).collect();
    named.iter_mut().for_each(|line| *line = line.split(": ").next().unwrap());
    let mut expected = ignored.map(|name| format!("policies/{name}"));
    expected.sort();
    assert_eq!(named, expected, "{said}");
}

#[test]
fn a_secret_by_the_name_of_a_new_host_key_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("ssh-host-key", b"1", &["web"]);
    let ran = sandbox.pkeys(&["check"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.contains("error: a secret is called ssh-host-key"), "{ran:?}");
}

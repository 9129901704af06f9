//! What age 1.3 does, by typage; and hosts with post-quantum identities.

use crate::common::page::rows;
use crate::common::{Ran, Sandbox, activate_binary, run_command};
use std::path::{Path, PathBuf};

/// The directory of typage; panics with what to do when it is not there.
pub fn typage() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let found = own.ancestors().map(|folder| folder.join("test-tools/typage")).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("target/test-tools/typage is missing: run `tests/run`, which installs it"))
}

/// Runs the commands of age 1.3, by typage.
#[track_caller]
pub fn age(sandbox: &Sandbox, arguments: &[&str], input: &[u8]) -> Ran {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/post_quantum/age.mjs");
    let mut node = sandbox.command_of("node");
    run_command(node.arg(program).args(arguments).env("TYPAGE", typage()), input)
}

/// A host whose identity its own program made; gives the identity's file.
pub fn host(sandbox: &Sandbox, name: &str) -> PathBuf {
    let file = sandbox.path(&format!("{name}/var/lib/pkeys-identity/key"));
    let mut make = sandbox.command_of(activate_binary());
    let recipient = run_command(make.arg("make-identity").arg(&file), b"").good();
    assert!(recipient.starts_with("age1pq1"), "{recipient}");
    assert_eq!(age(sandbox, &["-y", file.to_str().unwrap()], b"").good(), recipient);
    sandbox.pkeys(&["host", "add", name, "--recipient", recipient.trim()]).good();
    file
}

/// What a person types of a sheet.
pub fn typed(page: &str) -> String {
    rows(page).iter().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).collect()
}

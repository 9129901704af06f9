//! What others do to a repository: somebody who commits, and operators on other machines.

use super::{Ran, Sandbox, run, run_command};
use std::path::Path;

pub fn text(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(sandbox.read(name)).unwrap()
}

/// Writes a file as a committer would: nothing is accepted.
pub fn commit(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>) {
    let path = sandbox.repo().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Replaces a part of `pkeys.toml` as a committer would.
pub fn edit(sandbox: &Sandbox, from: &str, to: &str) {
    let old = text(sandbox, "pkeys.toml");
    assert!(old.contains(from), "{from} in {old}");
    commit(sandbox, "pkeys.toml", old.replacen(from, to, 1));
}

/// pkeys of another person, on another machine, in a repository.
pub fn other(sandbox: &Sandbox, name: &str, repository: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = sandbox.command();
    command.env("PKEYS_CONFIG_DIR", sandbox.path(&format!("{name}-config")));
    command.env("PKEYS_STATE_DIR", sandbox.path(&format!("{name}-state")));
    run_command(command.current_dir(repository).args(arguments), input)
}

/// Replaces a directory by a copy of another.
pub fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    run("cp", &["-a", from.to_str().unwrap(), to.to_str().unwrap()], b"").good();
}

//! Who is at the keyboard, as far as anybody can say.

use std::path::Path;
use std::process::{Command, Stdio};

/// Git's `user.email` in the repository, else the login name.
pub(super) fn who(root: &Path) -> String {
    let git = Command::new("git")
        .args(["config", "--get", "user.email"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let email = git.ok().filter(|ran| ran.status.success()).and_then(|ran| String::from_utf8(ran.stdout).ok());
    let names = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    email.into_iter().chain(names).map(|name| plain(&name)).find(|name| !name.is_empty()).unwrap_or("unknown".into())
}

/// At most 200 characters, none of them a control character.
fn plain(name: &str) -> String {
    name.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

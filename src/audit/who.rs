//! Who is at the keyboard, as far as anybody can say.

use crate::git::user_email;
use std::path::Path;

/// Git's `user.email` in the repository, else the login name.
pub(super) fn who(root: &Path) -> String {
    let names = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let all = user_email(root).into_iter().chain(names);
    all.map(|name| plain(&name)).find(|name| !name.is_empty()).unwrap_or("unknown".into())
}

/// At most 200 characters, none of them a control character.
fn plain(name: &str) -> String {
    name.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

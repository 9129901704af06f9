//! Owners and groups, looked up through NSS: LDAP users count like those of `/etc/passwd`.

use crate::FileSettings;
use nix::unistd::{Group, User};
use pkeys_bundle::base::{Error, Result};

/// The numbers of a file's owner and group.
///
/// # Errors
/// When a name is unknown here.
pub(super) fn resolve(file: &FileSettings) -> Result<(u32, u32)> {
    let uid = match (&file.owner, file.uid) {
        (None, Some(uid)) => uid,
        (None, None) => 0,
        (Some(name), _) if name == "root" => 0,
        (Some(name), _) => match User::from_name(name) {
            Ok(Some(user)) => user.uid.as_raw(),
            _ => {
                return Err(Error::new(format!("there is no user {name}")).hint(
                    "declare it in users.users, or deliver the secret with pkeys.credentials where the user is dynamic",
                ));
            }
        },
    };
    let gid = match (&file.group, file.gid) {
        (None, Some(gid)) => gid,
        (None, None) => 0,
        (Some(name), _) if name == "root" => 0,
        (Some(name), _) => match Group::from_name(name) {
            Ok(Some(group)) => group.gid.as_raw(),
            _ => return Err(Error::new(format!("there is no group {name}")).hint("declare it in users.groups")),
        },
    };
    Ok((uid, gid))
}

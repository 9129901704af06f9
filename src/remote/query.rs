//! What can be learned of a host's logins without a private key.

use crate::base::{Result, UserName, files};
use crate::remote::login::{Login, is_in, names, offered, taken};
use crate::remote::report::REPORT;
use crate::remote::ssh;
use std::path::{Path, PathBuf};

/// The public half of a key, in a file for `ssh`.
pub struct PublicKey {
    file: PathBuf,
    fingerprint: String,
}

impl PublicKey {
    /// Writes its line to a file.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn new(file: &Path, line: &str, fingerprint: String) -> Result<Self> {
        files::write(file, format!("{line}\n").as_bytes(), files::PRIVATE)?;
        Ok(Self { file: file.into(), fingerprint })
    }
}

/// Whether a host would let a user in with a key: sshd says so before it wants to see the private half.
///
/// # Errors
/// When the host cannot be reached, so that nothing is known.
pub fn accepts(address: &str, user: &UserName, key: &PublicKey) -> Result<Login> {
    let mut options = vec!["-l".to_owned(), user.to_string(), "-i".into(), key.file.display().to_string()];
    options.extend(settings(&["IdentitiesOnly=yes", "IdentityAgent=none", "CertificateFile=none"]));
    // The login name of the address is for pushing.
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let output = ssh::output(ssh::command(host, &options)?.arg("true"), |_| Ok(()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let this = |line: &str| line.contains("Server accepts key:") && names(line) == Some(&key.fingerprint);
    let ended = said.contains("Permission denied") || said.lines().any(is_in);
    match (said.lines().any(this), ended && offered(&said, &key.fingerprint)) {
        (true, _) => Ok(Login::Accepted),
        (false, true) => Ok(Login::Refused),
        (false, false) => Err(ssh::not_connected(&output.stderr)),
    }
}

/// The fingerprint of the key that the operator logs in to a host with; `None` when it is no key.
///
/// # Errors
/// When the operator cannot log in.
pub fn login_key(address: &str) -> Result<Option<String>> {
    // What a login that may only push can ask for too.
    let output = ssh::output(ssh::command(address, &settings(&[]))?.arg(REPORT), |_| Ok(()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.lines().any(is_in) { Ok(taken(&said).map(Into::into)) } else { Err(ssh::not_connected(&output.stderr)) }
}

/// A connection of its own that says what happens, and no words of a jump host's `ssh`.
fn settings(more: &[&str]) -> Vec<String> {
    let all = ["LogLevel=DEBUG1", "ControlMaster=no", "ControlPath=none", "ForwardAgent=no"];
    all.iter().chain(more).flat_map(|setting| ["-o".into(), (*setting).to_owned()]).collect()
}

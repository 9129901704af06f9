//! Running a program on a host over the operator's own login. Proves nothing but the host's key.

use crate::base::{Error, Result, files};
use crate::remote::directory::Directory;
use crate::remote::exchange::MAX_LOG;
use crate::remote::options::{self, literal};
use crate::remote::ssh;
use crate::remote::target::{HostKeys, Target};
use std::io::Write;
use std::process::Output;

/// The exit status of `ssh` when it could not connect or log in.
const NOT_CONNECTED: i32 = 255;

/// Runs a command on a host with some input, to its end. The host's key must be an accepted one, or one that the
/// operator's own files of known hosts have.
///
/// # Errors
/// If the host cannot be reached or logged in to, sends too much, or takes too long.
pub(super) fn run(
    target: &Target,
    command: &str,
    send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send,
) -> Result<Output> {
    let directory = Directory::new()?;
    let log = directory.path().join("log");
    // A file of its own: what a host or a jump host prints is not taken for words of ssh's.
    let mut arguments = vec!["-E".to_owned(), log.to_str().map(Into::into).ok_or_else(not_text)?];
    arguments.extend(options::arguments(&["LogLevel=INFO"]));
    if let HostKeys::Accepted(_) = &target.keys {
        let ours = literal(&directory.write("known_hosts", &target.keys.file())?)?;
        let settings = ssh::settings(&target.address)?;
        let theirs = settings.get("globalknownhostsfile").unwrap_or_default().split(' ');
        let theirs = theirs.filter(|file| !file.is_empty()).map(|file| literal(file.as_ref()));
        let all = std::iter::once(Ok(ours)).chain(theirs).collect::<Result<Vec<_>>>()?;
        arguments.extend(options::arguments(&[format!("GlobalKnownHostsFile={}", all.join(" "))]));
    }
    let output = ssh::output(ssh::command(&target.address, &arguments)?.arg(command), Some(&log), send)?;
    if output.status.code() != Some(NOT_CONNECTED) {
        return Ok(output);
    }
    Err(ssh::not_connected(&files::read(&log, MAX_LOG)?.unwrap_or_default(), &output.stderr))
}

fn not_text() -> Error {
    Error::new("the private directory's path is not UTF-8").hint("set XDG_RUNTIME_DIR to a plain path")
}

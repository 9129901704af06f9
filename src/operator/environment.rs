//! The `OP_*` variables, taken out of the environment before anything else runs.
//!
//! A process cannot clear its own environment without `unsafe`, and libraries start programs too (`age` its plugins). So the
//! program executes itself once more without these variables, and hands their values over in a pipe. What it starts later
//! (ssh and its ProxyCommand, git and its hooks, editors, plugins) inherits nothing, and `/proc/PID/environ` has nothing.

use crate::base::{Error, Result, SecretBytes};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Mutex;

const PREFIX: &[u8] = b"OP_";
/// The first argument of the second execution: which descriptor is the pipe. Children do not inherit arguments.
const HANDED: &str = "--environment-in=";
/// What a pipe holds, at least where a user has not too many of them.
const MOST: usize = 60 * 1024;

static TAKEN: Mutex<BTreeMap<OsString, SecretBytes>> = Mutex::new(BTreeMap::new());

/// Takes the variables out. Returns this process's arguments. To be called once, first of all: it may execute the program
/// anew.
///
/// # Errors
/// If they cannot be taken out; then nothing may be started that would inherit them.
pub fn take() -> Result<Vec<OsString>> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if let Some(number) = arguments.get(1).and_then(|first| first.to_str()?.strip_prefix(HANDED)?.parse::<u32>().ok()) {
        receive(number).map_err(|e| failed(&e))?;
        arguments.remove(1);
        return Ok(arguments);
    }
    let ours: Vec<_> = std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(PREFIX)).collect();
    if ours.is_empty() { Ok(arguments) } else { Err(failed(&execute(&arguments, &ours))) }
}

/// The value that a variable had; `None` for an empty one too.
pub fn variable(name: &str) -> Option<SecretBytes> {
    let taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let value = taken.get(OsStr::new(name)).filter(|value| !value.is_empty())?;
    Some(SecretBytes::copy_of(value.expose()))
}

/// Wipes the values.
pub fn forget() {
    TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
}

/// Replaces this process; returns only if that fails.
fn execute(arguments: &[OsString], ours: &[(OsString, OsString)]) -> std::io::Error {
    let mut text = SecretBytes::with_capacity(4096);
    for (name, value) in ours {
        [name.as_bytes(), b"=", value.as_bytes(), b"\0"].iter().for_each(|part| text.extend(part));
    }
    if text.len() > MOST {
        return std::io::ErrorKind::ArgumentListTooLong.into();
    }
    let prepared = || {
        let (reader, mut writer) = std::io::pipe()?;
        // An error rather than a wait where a pipe holds less.
        rustix::io::ioctl_fionbio(&writer, true)?;
        writer.write_all(text.expose())?;
        rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
        std::io::Result::Ok((reader, std::env::current_exe()?))
    };
    let (reader, program) = match prepared() {
        Ok(prepared) => prepared,
        Err(e) => return e,
    };
    let mut command = Command::new(program);
    command.args(arguments.first().map(|_| format!("{HANDED}{}", reader.as_raw_fd())));
    command.args(arguments.iter().skip(1));
    if let Some(name) = arguments.first() {
        command.arg0(name);
    }
    for (name, _) in ours {
        command.env_remove(name);
    }
    command.exec()
}

/// Reads the pipe to its end: what is started later inherits an empty one.
fn receive(number: u32) -> std::io::Result<()> {
    let mut text = SecretBytes::with_capacity(MOST);
    let mut pipe = std::fs::File::open(format!("/dev/fd/{number}"))?;
    let mut chunk = zeroize::Zeroizing::new([0; 4096]);
    loop {
        match pipe.read(chunk.as_mut_slice())? {
            0 => break,
            read => text.extend(&chunk[..read]),
        }
    }
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for entry in text.expose().split(|byte| *byte == 0) {
        if let Some(equals) = entry.iter().position(|byte| *byte == b'=') {
            let name = OsString::from_vec(entry[..equals].to_vec());
            taken.insert(name, SecretBytes::copy_of(&entry[equals + 1..]));
        }
    }
    Ok(())
}

fn failed(error: &std::io::Error) -> Error {
    Error::new(format!("cannot take the OP_* variables out of the environment: {}", error.kind()))
        .hint("run it without them: `pkeys login` keeps a token in the keyring")
}

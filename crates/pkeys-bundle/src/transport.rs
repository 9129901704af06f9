//! A bundle on its way to a host: a plain tar of its three files, as `tar -C bundles/HOST -c .` makes it, and of
//! [`REPLACES`].

use crate::MAX_PAYLOAD;
use crate::base::{Error, Result};
use crate::directory::{MANIFEST, MAX_MANIFEST, MAX_SIGNATURE, PAYLOAD, SIGNATURE, Signed};
use crate::replaces::{REPLACES, Replaces};
use std::io::{ErrorKind, Read, Write};
use tar::{Archive, Builder, EntryType, Header};

/// The largest pax header that is skipped, and the most entries.
const MAX_EXTENSION: u64 = 8 * 1024;
const MAX_ENTRIES: usize = 32;

/// The largest entry [`REPLACES`]: a digest and a line break.
const MAX_REPLACES: usize = 65;

/// The most bytes that are read: the files, their headers, and the padding of a tar that was written in large blocks.
const MAX_SENT: u64 = (MAX_MANIFEST + MAX_SIGNATURE + MAX_PAYLOAD + 1024 * 1024) as u64;

/// The most bytes of a host's answer or report: a report has the manifest of a bundle as a text, and some lines for each file.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A bundle that was sent.
pub struct Sent {
    /// The manifest and its signature.
    pub signed: Signed,
    /// The encrypted file.
    pub payload: Vec<u8>,
    /// What the sender saw on the host; `None` if it did not say.
    pub replaces: Option<Replaces>,
}

/// Writes a bundle as a tar: the public half first, so that the other side can refuse it before the payload arrives.
///
/// `replaces` is the SHA-256 of the manifest of the host's best bundle, in lower-case hex, or "none". Hosts before
/// format 2 refuse a tar with it: leave it out unless the host's report names the format.
///
/// # Errors
/// Those of the writer.
pub fn send(to: impl Write, signed: &Signed, payload: &[u8], replaces: Option<&str>) -> std::io::Result<()> {
    let mut tar = Builder::new(to);
    let files = [(MANIFEST, &signed.manifest[..]), (SIGNATURE, &signed.signature)];
    let replaces = replaces.map(|text| (REPLACES, text.as_bytes()));
    for (name, bytes) in files.into_iter().chain(replaces).chain([(PAYLOAD, payload)]) {
        let mut header = Header::new_ustar();
        header.set_path(name)?;
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        tar.append(&header, bytes)?;
    }
    tar.into_inner()?.flush()
}

/// Reads a bundle that was sent, to its end, and verifies nothing.
///
/// # Errors
/// If it is not exactly the files of a bundle, each once and within its limit.
pub fn receive(from: impl Read) -> Result<Sent> {
    receive_checked(from, |_| Ok(None))
}

/// Like [`receive`], and calls `check` as soon as manifest and signature are there: before the payload, if it comes last.
/// `check` returns the payload's size, if it is known.
///
/// Reads at most `MAX_SENT` bytes and keeps no more than the files of one bundle, whatever arrives.
///
/// # Errors
/// As [`receive`], and those of `check`.
pub fn receive_checked(from: impl Read, mut check: impl FnMut(&Signed) -> Result<Option<u64>>) -> Result<Sent> {
    let limits =
        [(MANIFEST, MAX_MANIFEST), (SIGNATURE, MAX_SIGNATURE), (PAYLOAD, MAX_PAYLOAD), (REPLACES, MAX_REPLACES)];
    let (mut found, mut there) = ([const { Vec::new() }; 4], [false; 4]);
    let (mut signed, mut size) = (None, None);
    let mut archive = Archive::new(from.take(MAX_SENT));
    // Raw: otherwise the crate reads pax headers and GNU's long names into memory, whatever their size.
    for (number, entry) in archive.entries().map_err(|e| broken(&e))?.raw(true).enumerate() {
        let mut entry = entry.map_err(|e| broken(&e))?;
        let kind = entry.header().entry_type();
        if number >= MAX_ENTRIES {
            return Err(unexpected());
        }
        if matches!(kind, EntryType::XHeader | EntryType::XGlobalHeader) && entry.size() <= MAX_EXTENSION {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        if kind == EntryType::Directory && path.is_empty() && entry.size() == 0 {
            continue;
        }
        let place = limits.iter().position(|(name, _)| name.as_bytes() == path);
        let place = place.filter(|_| kind == EntryType::Regular).ok_or_else(unexpected)?;
        let (name, limit) = limits[place];
        let length = entry.size();
        if length > limit as u64 {
            return Err(Error::new(format!("the {name} that was sent is larger than {limit} bytes")));
        }
        if name == PAYLOAD && size.is_some_and(|size| size != length) {
            return Err(Error::new(format!("the {name} that was sent is not as large as manifest.json says")));
        }
        let twice = std::mem::replace(&mut there[place], true);
        if !twice {
            found[place].reserve_exact(usize::try_from(length).unwrap_or_default());
            entry.read_to_end(&mut found[place]).map_err(|e| broken(&e))?;
        }
        if twice || found[place].len() as u64 != length {
            return Err(Error::new(format!("the {name} that was sent is cut off, or there twice")));
        }
        if signed.is_none() && there[0] && there[1] {
            let [manifest, signature, ..] = &mut found;
            let whole = Signed { manifest: std::mem::take(manifest), signature: std::mem::take(signature) };
            size = check(&whole)?;
            signed = Some(whole);
        }
    }
    let Some(signed) = signed.filter(|_| there[2]) else {
        return Err(Error::new("what was sent is not a whole bundle").hint("send it again"));
    };
    let [_, _, payload, replaces] = found;
    let replaces = if there[3] { Some(Replaces::parse(&replaces)?) } else { None };
    Ok(Sent { signed, payload, replaces })
}

fn unexpected() -> Error {
    Error::new("what was sent has something in it that is not one of a bundle's three files")
        .hint("send exactly these: `tar --format=ustar -C bundles/HOST -c .`")
}

fn broken(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => Error::new("the sender was silent for too long").hint("send it again"),
        _ => Error::new("what was sent is not a whole tar archive").hint("send it again"),
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;

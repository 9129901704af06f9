//! A bundle on its way to a host: a plain tar of its three files, as `tar -C bundles/HOST -c .` makes it.

use crate::base::{Error, Result};
use crate::bundle::MAX_PAYLOAD;
use crate::bundle::directory::{MANIFEST, MAX_MANIFEST, MAX_SIGNATURE, PAYLOAD, SIGNATURE, Signed};
use std::io::{Read, Write};
use tar::{Archive, Builder, EntryType, Header};

/// Writes a bundle as a tar.
///
/// # Errors
/// Those of the writer.
pub fn send(to: impl Write, signed: &Signed, payload: &[u8]) -> std::io::Result<()> {
    let mut tar = Builder::new(to);
    for (name, bytes) in [(MANIFEST, &signed.manifest[..]), (SIGNATURE, &signed.signature), (PAYLOAD, payload)] {
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

/// Reads a bundle that was sent, to its end. Nothing is known of it yet.
///
/// # Errors
/// When it is not exactly the three files, each once and not larger than it may be.
pub fn receive(from: impl Read) -> Result<(Signed, Vec<u8>)> {
    let broken = |_| Error::new("what was sent is not a whole tar archive").hint("send it again");
    let limits = [(MANIFEST, MAX_MANIFEST), (SIGNATURE, MAX_SIGNATURE), (PAYLOAD, MAX_PAYLOAD)];
    let mut found: [Option<Vec<u8>>; 3] = [None, None, None];
    let mut archive = Archive::new(from);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        if entry.header().entry_type() == EntryType::Directory && path.is_empty() {
            continue;
        }
        let place = limits.iter().position(|(name, _)| name.as_bytes() == path);
        let Some(place) = place.filter(|_| entry.header().entry_type() == EntryType::Regular) else {
            return Err(Error::new("what was sent has something in it that is not one of a bundle's three files"));
        };
        let (name, limit) = limits[place];
        if entry.size() > limit as u64 {
            return Err(Error::new(format!("the {name} that was sent is larger than {limit} bytes")));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 != entry.size() || found[place].replace(bytes).is_some() {
            return Err(Error::new(format!("the {name} that was sent is cut off, or there twice")));
        }
    }
    let [Some(manifest), Some(signature), Some(payload)] = found else {
        return Err(Error::new("what was sent is not a whole bundle").hint("send it again"));
    };
    Ok((Signed { manifest, signature }, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Vec<u8> {
        let mut tar = Vec::new();
        let signed = Signed { manifest: b"m".to_vec(), signature: b"s".to_vec() };
        send(&mut tar, &signed, b"payload").unwrap();
        tar
    }

    #[test]
    fn what_is_sent_arrives() {
        let (signed, payload) = receive(&sent()[..]).unwrap();
        assert_eq!(
            (&signed.manifest[..], &signed.signature[..], &payload[..]),
            (&b"m"[..], &b"s"[..], &b"payload"[..])
        );
    }

    #[test]
    fn what_is_cut_off_or_has_more_or_less_is_refused() {
        let tar = sent();
        for length in (0..5 * 512).step_by(100) {
            assert!(receive(&tar[..length]).is_err(), "{length}");
        }
        let twice = [&tar[..2 * 512], &tar].concat();
        assert!(receive(&twice[..]).is_err());
        let mut other = tar;
        other[0] = b'x';
        assert!(receive(&other[..]).is_err());
    }
}

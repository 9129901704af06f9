//! The plaintext of `secrets.age`: a POSIX tar whose regular files `secrets/NAME` are the secrets.

use crate::base::{Error, Result, SecretBytes, SecretName};
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use tar::{Archive, Builder, EntryType, Header, PaxExtensions};

/// The largest `secrets.age`, in bytes, and so the largest tar inside.
pub const MAX_PAYLOAD: usize = 64 * 1024 * 1024;

const FOLDER: &str = "secrets/";
const BLOCK: usize = 512;
/// What ustar has room for in the last part of a path; a longer name goes into a pax header.
const USTAR_NAME: usize = 100;
/// The largest extension header: room for a path of 136 bytes, and what tar programs say of times and owners.
const MAX_EXTENSION: u64 = 8 * 1024;

/// Packs the secrets, in the order of their names, with nothing of time or place in the headers.
///
/// # Errors
/// When they are too large together.
pub fn pack<'a>(secrets: impl IntoIterator<Item = (&'a SecretName, &'a [u8])> + Clone) -> Result<SecretBytes> {
    let room: usize = secrets.clone().into_iter().map(|(_, bytes)| 3 * BLOCK + blocks(bytes.len())).sum();
    // The stream cipher adds 16 bytes to each 64 KiB, the header a few hundred for each recipient.
    if room > MAX_PAYLOAD - MAX_PAYLOAD / 1024 {
        return Err(Error::new("the secrets of one host are larger than 64 MiB together")
            .hint("large files do not belong into secrets: encrypt the file, and deliver its key"));
    }
    let mut tar = Builder::new(SecretBytes::with_capacity(room + 2 * BLOCK));
    let written = secrets.into_iter().try_for_each(|(name, bytes)| append(&mut tar, name.as_str(), bytes));
    written.and_then(|()| tar.into_inner()).map_err(|e| Error::new(format!("cannot pack the secrets: {}", e.kind())))
}

fn append(tar: &mut Builder<SecretBytes>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let short = &name[..name.len().min(USTAR_NAME)];
    if short != name {
        tar.append_pax_extensions([("path", format!("{FOLDER}{name}").as_bytes())])?;
    }
    let mut header = Header::new_ustar();
    header.set_path(format!("{FOLDER}{short}"))?;
    header.set_mode(0o400);
    header.set_size(bytes.len() as u64);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    // The header, then the content from where it is to where it goes: the library's copying has a buffer on the stack.
    tar.append(&header, std::io::empty())?;
    let into = tar.get_mut();
    into.extend(bytes);
    into.extend(&[0; BLOCK][..blocks(bytes.len()) - bytes.len()]);
    Ok(())
}

/// The size of a content with its padding.
fn blocks(size: usize) -> usize {
    size.div_ceil(BLOCK) * BLOCK
}

/// Returns where each secret's bytes lie in the tar. Everything that is not a plain `secrets/NAME` is refused.
///
/// Headers are read raw, because the crate reads extensions into memory whatever their size. One that holds the name of
/// the next entry, as pax or GNU tar writes for names over 100 bytes, is bounded.
pub(super) fn index(tar: &SecretBytes) -> Result<BTreeMap<SecretName, Range<usize>>> {
    let broken = |_| Error::new("the decrypted payload is not a tar archive");
    let mut found = BTreeMap::new();
    let mut long_name: Option<Vec<u8>> = None;
    let mut archive = Archive::new(tar.expose());
    for (number, entry) in archive.entries().map_err(broken)?.raw(true).enumerate() {
        let mut entry = entry.map_err(broken)?;
        let refused = |why| Error::new(format!("entry {} of the decrypted tar {why}", number + 1));
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XHeader | EntryType::GNULongName) {
            if entry.size() > MAX_EXTENSION {
                return Err(refused("is an extension that is too large"));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(broken)?;
            let name = if kind == EntryType::XHeader { pax_path(&bytes) } else { Some(gnu_name(bytes)) };
            long_name = name.ok_or_else(|| refused("is an extension that is not understood"))?.or(long_name);
            continue;
        }
        let path = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        if kind == EntryType::Directory && matches!(&*path, b"secrets" | b"secrets/") {
            continue;
        }
        if kind != EntryType::Regular {
            return Err(refused("is not a regular file"));
        }
        let name = path
            .strip_prefix(FOLDER.as_bytes())
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(|name| SecretName::new(name).ok())
            .ok_or_else(|| refused("is not named secrets/NAME"))?;
        let place = |n: u64| usize::try_from(n).map_err(|_| refused("is too large"));
        let start = place(entry.raw_file_position())?;
        let end = start.checked_add(place(entry.size())?).filter(|end| *end <= tar.len());
        let end = end.ok_or_else(|| refused("is cut off"))?;
        if found.insert(name, start..end).is_some() {
            return Err(refused("has the name of an earlier one"));
        }
    }
    if long_name.is_some() {
        return Err(Error::new("the decrypted tar ends after the name of an entry"));
    }
    Ok(found)
}

/// The path that a pax header gives the next entry, if it gives one; `None` if the header is damaged or would change what
/// the next entry's bytes are.
fn pax_path(header: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut path = None;
    for extension in PaxExtensions::new(header) {
        let extension = extension.ok()?;
        match extension.key_bytes() {
            b"path" => path = Some(extension.value_bytes().to_vec()),
            b"size" => return None,
            key if key.starts_with(b"GNU.sparse.") => return None,
            _ => {}
        }
    }
    Some(path)
}

/// The name that GNU tar gives the next entry: up to a zero byte.
fn gnu_name(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_found_again(
            secrets in proptest::collection::btree_map("[A-Za-z0-9][A-Za-z0-9._-]{0,127}", proptest::collection::vec(any::<u8>(), 0..2000), 0..8)
        ) {
            let secrets: BTreeMap<_, _> =
                secrets.into_iter().map(|(n, b)| (SecretName::new(n).unwrap(), SecretBytes::new(b))).collect();
            let tar = pack(secrets.iter().map(|(n, b)| (n, b.expose()))).unwrap();
            let found = index(&tar).unwrap();
            prop_assert_eq!(found.len(), secrets.len());
            for (name, range) in found {
                prop_assert_eq!(&tar.expose()[range], secrets[&name].expose());
            }
        }

        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let _ = index(&SecretBytes::new(bytes));
        }
    }

    fn tar_of(kind: EntryType, path: &[u8]) -> SecretBytes {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        let mut tar = Builder::new(Vec::new());
        tar.append(&header, &b""[..]).unwrap();
        SecretBytes::new(tar.into_inner().unwrap())
    }

    #[test]
    fn whatever_is_not_a_plain_secret_is_refused() {
        assert!(index(&tar_of(EntryType::Regular, b"secrets/a")).is_ok());
        assert!(index(&tar_of(EntryType::Directory, b"secrets/")).is_ok());
        for path in
            [&b"a"[..], b"/secrets/a", b"secrets/../a", b"secrets/a/b", b"../secrets/a", b"secrets/", b"./secrets/a"]
        {
            assert!(index(&tar_of(EntryType::Regular, path)).is_err(), "{}", String::from_utf8_lossy(path));
        }
        for kind in [
            EntryType::Link,
            EntryType::Symlink,
            EntryType::Char,
            EntryType::Block,
            EntryType::Fifo,
            EntryType::GNUSparse,
            EntryType::XGlobalHeader,
        ] {
            assert!(index(&tar_of(kind, b"secrets/a")).is_err(), "{kind:?}");
        }
    }
}

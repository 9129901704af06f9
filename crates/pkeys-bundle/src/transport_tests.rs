use super::*;
use crate::sha256_hex;

fn sent(replaces: Option<&str>) -> Vec<u8> {
    let mut tar = Vec::new();
    let signed = Signed { manifest: b"m".to_vec(), signature: b"s".to_vec() };
    send(&mut tar, &signed, b"payload", replaces).unwrap();
    tar
}

/// One entry, with whatever size its header claims.
fn entry(kind: EntryType, name: &str, claimed: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(claimed);
    header.set_mode(0o644);
    header.set_cksum();
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
    [header.as_bytes(), bytes, &padding].concat()
}

#[test]
fn what_is_sent_arrives() {
    let digest = sha256_hex(b"old");
    for replaces in [None, Some("none"), Some(digest.as_str())] {
        let got = receive(&sent(replaces)[..]).unwrap();
        let files = (&got.signed.manifest[..], &got.signed.signature[..], &got.payload[..]);
        assert_eq!(files, (&b"m"[..], &b"s"[..], &b"payload"[..]));
        assert_eq!(got.replaces, replaces.map(|text| Replaces::parse(text.as_bytes()).unwrap()));
    }
}

#[test]
fn what_is_cut_off_or_has_more_or_less_is_refused() {
    let tar = sent(None);
    for length in (0..5 * 512).step_by(100) {
        assert!(receive(&tar[..length]).is_err(), "{length}");
    }
    for twice in [&tar[..2 * 512], &tar[2 * 512..4 * 512], &tar[4 * 512..6 * 512]] {
        assert!(receive(&[&tar[..6 * 512], twice].concat()[..]).is_err());
    }
    let mut other = tar;
    other[0] = b'x';
    assert!(receive(&other[..]).is_err());
    assert!(receive(&sent(Some("0123"))[..]).is_err());
}

#[test]
fn long_names_and_large_extensions_are_refused_and_small_ones_are_skipped() {
    let tar = sent(None);
    let long = vec![b'x'; 1024 * 1024];
    let kinds = [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader, EntryType::XGlobalHeader];
    for kind in kinds {
        let bytes = [&entry(kind, "././@LongLink", long.len() as u64, &long), &tar[..]].concat();
        assert!(receive(&bytes[..]).is_err(), "{kind:?}");
        // Its claim alone is refused, before any of it is there.
        let claim = entry(kind, "././@LongLink", 3 << 30, b"");
        let error = receive(&claim[..]).err().unwrap();
        assert!(error.message().contains("not one of a bundle's three files"), "{kind:?}: {error}");
    }
    let times = b"30 mtime=1700000000.123456789\n";
    let small = entry(EntryType::XHeader, "./PaxHeaders/manifest.json", times.len() as u64, times);
    assert!(receive(&[&small[..], &tar[..]].concat()[..]).is_ok());
    let many = small.repeat(MAX_ENTRIES);
    assert!(receive(&[&many[..], &tar[..]].concat()[..]).is_err());
}

#[test]
fn the_public_half_is_checked_before_a_payload_that_follows_it() {
    let refused = |_: &Signed| Err(Error::new("refused"));
    // Nothing of the payload is there yet.
    let error = receive_checked(&sent(None)[..4 * 512], refused).err().unwrap();
    assert_eq!(error.message(), "refused");
    // In another order all is read first.
    let tar = sent(None);
    let turned = [&tar[4 * 512..6 * 512], &tar[..4 * 512]].concat();
    assert_eq!(receive_checked(&turned[..], refused).err().unwrap().message(), "refused");
    assert!(receive(&turned[..]).is_ok());
    let other_size = receive_checked(&tar[..], |_| Ok(Some(6))).err().unwrap();
    assert!(other_size.message().contains("not as large as manifest.json says"), "{other_size}");
}

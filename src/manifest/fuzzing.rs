//! Fuzzing of `pkeys.toml`, which people write.

use super::{Edit, parse};
use pkeys_bundle::fuzzing::needle::{discreet, each_text};

const HOST: &str = "a-host-that-nobody-has";

/// A file that is taken is edited without a byte being lost, and without a trace once the edit is taken back.
pub fn pkeys_toml(bytes: &[u8]) {
    each_text(bytes, |text| {
        let manifest = match parse::parse(text) {
            Ok(manifest) => manifest,
            Err(error) => return discreet(&error),
        };
        let mut edit = Edit::new(text).expect("it was read before");
        // A byte order mark goes, a comment that ends the file gets the newline that it lacks, and where the ends of lines
        // are of both kinds they become of one.
        let old = text.strip_prefix('\u{feff}').unwrap_or(text);
        let unix = |text: &str| text.replace("\r\n", "\n");
        let mixed = unix(old).matches('\n').count() != old.matches("\r\n").count() && old.contains('\r');
        let old = if mixed { unix(old) } else { old.to_owned() };
        let end = if old.contains('\r') { "\r\n" } else { "\n" };
        let whole = |edited: &str| edited == old || edited.strip_suffix(end) == Some(&old);
        assert!(whole(&edit.text()), "opening it changes it");
        for name in manifest.hosts.keys() {
            let line = Edit::line(text, &["hosts", name.as_str()]);
            assert!(line.is_none_or(|line| line <= text.lines().count().max(1)));
        }
        if manifest.hosts.keys().any(|name| name.as_str() == HOST) {
            return;
        }
        edit.set(&["hosts", HOST], "address", "root@10.0.0.1").expect("hosts are a table");
        let with = parse::parse(&edit.text()).expect("an edited file is read");
        assert_eq!(with.hosts.len(), manifest.hosts.len() + 1);
        assert!(edit.remove(&["hosts"], HOST).expect("hosts are a table"));
        assert!(whole(&edit.text()), "taking it back changes it: {:?}", edit.text());
    });
}

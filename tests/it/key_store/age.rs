//! Age files: made, changed, and read by Debian's `age` and OpenSSH without pkeys.

use super::{ROTATION, key, place, record, refused};
use age::secrecy::ExposeSecret;
use pkeys::base::SecretBytes;
use pkeys::base::files::Beneath;
use pkeys::bundle::{Identity, Recipient, encrypt, identity};
use pkeys::source::{AgeFiles, AgeKeys, KeyRecord, KeyStore, Source, Version};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

/// An operator's identity, and a directory for keys.
pub(crate) struct Bench {
    pub(crate) top: tempfile::TempDir,
    recipient: Recipient,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let identity = age::x25519::Identity::generate();
        std::fs::write(top.path().join("identity"), identity.to_string().expose_secret()).unwrap();
        Self { top, recipient: identity.to_public().to_string().parse().unwrap() }
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.top.path().join("secrets")
    }

    pub(crate) fn keys(&self) -> AgeKeys<'static> {
        keys(&self.directory(), self.recipient.clone(), self.top.path().join("identity"))
    }

    /// The private key that plain `age` finds in a file.
    pub(crate) fn plain(&self, file: &str) -> Option<Vec<u8>> {
        let path = self.directory().join(file);
        if !path.exists() {
            return None;
        }
        let done = Command::new("age").arg("-d").arg("-i").arg(self.top.path().join("identity")).arg(path).output();
        let done = done.expect("age is installed by tests/run");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Some(done.stdout)
    }

    pub(crate) fn public(&self) -> String {
        self.recipient.to_string()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory()).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The directory need not exist, the one above it must.
fn beneath(directory: &Path) -> Beneath {
    let (above, name) = (directory.parent().unwrap(), directory.file_name().unwrap());
    Beneath::root(above).unwrap().join(name)
}

pub(crate) fn keys(directory: &Path, to: Recipient, identity: PathBuf) -> AgeKeys<'static> {
    let encrypt = move |private: &SecretBytes| encrypt(private, std::slice::from_ref(&to), age::NoCallbacks);
    AgeKeys::new(beneath(directory), Box::new(move || opened(&identity)), Box::new(encrypt))
}

fn opened(path: &Path) -> pkeys::base::Result<Rc<Vec<Identity>>> {
    identity::load(path, age::NoCallbacks).map(Rc::new)
}

const CURRENT: &str = "ssh-user-key.ann.laptop.age";
const PREVIOUS: &str = "ssh-user-key.ann.laptop.previous.age";
const ARCHIVED: &str = "ssh-user-key.ann.laptop.archived.age";
const DATES: &str = "ssh-user-key.ann.laptop.json";

#[test]
fn a_key_is_made_rotated_archived_and_removed() {
    let bench = Bench::new();
    let keys = bench.keys();
    assert_eq!(keys.read(&place()).unwrap(), None);
    keys.write(&place(), &KeyRecord::default()).unwrap();
    assert!(!bench.directory().exists());
    for (current, previous, archived) in ROTATION {
        let wanted = record(current, previous, archived);
        keys.write(&place(), &wanted).unwrap();
        assert_eq!(keys.read(&place()).unwrap(), Some(wanted).filter(|record| !record.is_empty()));
        for (file, number) in [(CURRENT, current), (PREVIOUS, previous), (ARCHIVED, archived)] {
            let private = (number > 0).then(|| key(number).private.expose().to_vec());
            assert_eq!(bench.plain(file), private, "{file}");
        }
    }
    assert!(bench.files().is_empty());
}

#[test]
fn openssh_takes_what_age_opens_and_our_own_source_reads_it() {
    let bench = Bench::new();
    bench.keys().write(&place(), &record(1, 0, 0)).unwrap();
    let plain = bench.plain(CURRENT).unwrap();
    let file = bench.top.path().join("key");
    pkeys::base::files::write(&file, &plain, pkeys::base::files::PRIVATE).unwrap();
    let done = Command::new("ssh-keygen").arg("-y").arg("-f").arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), key(1).public);
    // `age -d … | ssh-add -`, in an agent of its own.
    let script = format!(
        "age -d -i '{0}/identity' '{0}/secrets/{CURRENT}' | ssh-add -q - && ssh-add -L",
        bench.top.path().display()
    );
    let done = Command::new("ssh-agent").args(["sh", "-c", &script]).stderr(Stdio::inherit()).output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), key(1).public);

    let reference = bench.keys().reference(&place()).unwrap();
    assert_eq!(reference.to_string(), "age:ssh-user-key.ann.laptop");
    let identity = bench.top.path().join("identity");
    let opened = Box::new(move || opened(&identity));
    let source = AgeFiles::new(beneath(&bench.directory()), opened, Box::new(|_, _| Ok(Version("v".into()))));
    assert_eq!(source.read(&[&reference]).remove(0).unwrap().bytes, key(1).private);
}

#[test]
fn files_that_need_no_change_are_not_touched() {
    let bench = Bench::new();
    let bytes = |file: &str| std::fs::read(bench.directory().join(file)).unwrap();
    bench.keys().write(&place(), &record(2, 1, 0)).unwrap();
    let before = [bytes(CURRENT), bytes(PREVIOUS), bytes(DATES)];
    bench.keys().write(&place(), &record(2, 1, 0)).unwrap();
    assert_eq!([bytes(CURRENT), bytes(PREVIOUS), bytes(DATES)], before);
    bench.keys().write(&place(), &record(1, 2, 0)).unwrap();
    assert_eq!([bytes(PREVIOUS), bytes(CURRENT), bytes(DATES)], before, "they changed places");
    let dates = String::from_utf8(bytes(DATES)).unwrap();
    assert!(dates.contains(&key(1).public) && !dates.contains("PRIVATE KEY"), "{dates}");
}

#[test]
fn what_pkeys_did_not_write_is_refused_and_stays() {
    let bench = Bench::new();
    let dates = bench.directory().join(DATES);
    bench.keys().write(&place(), &record(1, 0, 0)).unwrap();
    let good = std::fs::read(&dates).unwrap();
    for (text, message) in [("hunter2", "is not as pkeys wrote it"), ("", "is not as pkeys wrote it")] {
        std::fs::write(&dates, text).unwrap();
        refused(bench.keys().read(&place()), message, "git log");
        refused(bench.keys().write(&place(), &record(2, 1, 0)), message, "git log");
    }
    std::fs::remove_file(&dates).unwrap();
    refused(bench.keys().read(&place()), "does not belong to", "restore both");
    std::fs::write(&dates, good).unwrap();
    assert_eq!(bench.keys().read(&place()).unwrap(), Some(record(1, 0, 0)));
    std::fs::write(bench.directory().join(CURRENT), "hunter2").unwrap();
    refused(bench.keys().write(&place(), &record(2, 0, 0)), "cannot decrypt", "");
    assert_eq!(std::fs::read(bench.directory().join(CURRENT)).unwrap(), b"hunter2");
}

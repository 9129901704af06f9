//! The age test suite, through the opening of bundles: accepted or refused as it says, for its reason, with its digest.
//!
//! The vectors are in `../shared/vectors/age-testkit`, or where `tests/setup/age-vectors.sh` has put them.

use pkeys::bundle::{decrypt, identity};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const LIMIT: usize = 1 << 25;

fn vectors() -> Option<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["target/test-tools/age-vectors", "../shared/vectors/age-testkit"];
    let found = places.iter().map(|place| top.join(place)).find(|place| place.is_dir());
    if found.is_none() {
        eprintln!("skipped: the age test suite is not here (tests/run installs it)");
    }
    found
}

/// One vector: what it says of itself, and the file.
struct Vector {
    says: BTreeMap<String, Vec<String>>,
    file: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Option<Self> {
        let all = std::fs::read(path).unwrap();
        let end = all.windows(2).position(|two| two == b"\n\n")?;
        let mut says: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in std::str::from_utf8(&all[..end]).ok()?.lines() {
            let (name, value) = line.split_once(": ")?;
            says.entry(name.into()).or_default().push(value.into());
        }
        says.contains_key("expect").then_some(())?;
        let file = all[end + 2..].to_vec();
        let file = if says.contains_key("compressed") { inflated(&file) } else { file };
        Some(Self { says, file })
    }

    fn one(&self, name: &str) -> &str {
        self.says.get(name).map_or("", |values| &values[0])
    }

    /// What opening it comes to, in the suite's words; with the digest when it is opened.
    fn outcome(&self) -> String {
        let keys = self.says.get("identity").cloned().unwrap_or_default().join("\n");
        let identities = if keys.is_empty() {
            Vec::new()
        } else {
            match identity::parse(&pkeys::base::SecretBytes::from(keys), "the vector", age::NoCallbacks) {
                Ok(identities) => identities,
                Err(_) => return "identity not read".into(),
            }
        };
        match decrypt(&self.file, &identities, LIMIT) {
            Ok(plain) => format!("success {}", digest(plain.expose())),
            Err(e) => match e.message() {
                "its armor is damaged" => "armor failure",
                "it is not an age file" => "header failure",
                "its header is damaged or was changed" => "HMAC failure",
                "no identity here can decrypt it" => "no match",
                message if message.starts_with("its content is damaged") => "payload failure",
                other => other,
            }
            .into(),
        }
    }

    fn expected(&self) -> String {
        match self.one("expect") {
            "success" => format!("success {}", self.one("payload")),
            other => other.into(),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn inflated(file: &[u8]) -> Vec<u8> {
    let mut python = Command::new("python3");
    python.args(["-c", "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))"]);
    python.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = python.spawn().expect("python3 is installed by tests/run");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), file).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn every_vector_of_the_age_test_suite_comes_out_as_it_says() {
    let Some(place) = vectors() else { return };
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/age_vectors/deviations.txt"));
    let text = text.unwrap();
    let listed: BTreeMap<_, _> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("a line without a reason: {line}")))
        .collect();
    let (mut seen, mut wrong, mut deviating) = (0, Vec::new(), BTreeSet::new());
    let mut files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.into_iter().filter(|path| path.is_file()) {
        let Some(vector) = Vector::read(&path) else { continue };
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (expected, outcome) = (vector.expected(), vector.outcome());
        seen += 1;
        match (expected == outcome, listed.contains_key(name.as_str())) {
            (true, true) => wrong.push(format!("{name} is listed, and comes out as it should: {outcome}")),
            (false, false) => wrong.push(format!("{name}: expected {expected}, came {outcome}")),
            (false, true) => {
                assert!(!outcome.starts_with("success"), "{name}: nothing that should fail may ever be opened");
                deviating.insert(name);
            }
            (true, false) => {}
        }
    }
    assert!(seen > 90, "{seen} vectors in {}", place.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{seen} vectors, {} of them otherwise, with reasons", deviating.len());
    let unknown: Vec<_> = listed.keys().filter(|name| !deviating.contains(**name)).collect();
    assert!(unknown.is_empty(), "listed, and not in the suite: {unknown:?}");
}

//! What a directory holds, in a form that is the same for two runs of a command, and that only whole files have.
//!
//! Nothing of pkeys reads here: JSON and TOML are parsed, age files opened and hashes computed by others' code.

use age::Decryptor;
use regex::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Each file's path below the top, with its mode and what it says.
pub type State = BTreeMap<PathBuf, String>;

/// What is random or a time: keys, hashes, dates, numbers of bundles, temporary names.
static CHANCE: LazyLock<Regex> = LazyLock::new(|| {
    let patterns = [
        r"[A-Za-z0-9+/=_-]{24,}",
        r"\d{4}-\d\d-\d\d(T[0-9:.]+Z)?",
        r#"("generation"|"size"|"bytes"):\s*\d+"#,
        r"\bgeneration \d+( of \S+ becomes \d+)?",
        r"\.tmp[A-Za-z0-9]+",
        // A fingerprint for a person to compare.
        r"\b[0-9a-f]{4}( [0-9a-f]{4}){7}\b",
        r"\b[0-9a-f]{8}\b",
        // The version of a local secret: an interrupted run may have taken a number.
        r"\b\d+-[0-9a-f]{16}\b",
    ];
    Regex::new(&patterns.join("|")).unwrap()
});

/// What a repeated run adds to the pins: one more manifest that was seen, the signer of the run before.
static REPEATED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""former [^"]*",|(?:"…",)+("…")"#).unwrap());

/// A text without what is random in it.
pub fn plain(text: &str) -> String {
    REPEATED.replace_all(&CHANCE.replace_all(text, "…"), "$1").into()
}

pub fn state_of(top: &Path) -> State {
    let mut state = State::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(top).unwrap().to_owned();
            if name.ends_with("state/pkeys") {
                // Locks hold the numbers of processes, and are never removed; pins are named after a random id, and hold what
                // an interrupted run had accepted until the next one settles it: tests/it/trust.rs.
            } else if kind.is_dir() && name != Path::new("root/run/pkeys.d") {
                open.push(path);
            } else if kind.is_symlink() {
                state.insert(name, plain(&format!("-> {}", std::fs::read_link(&path).unwrap().display())));
            } else if kind.is_file() {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                let said = if name.to_string_lossy().contains(".pkeys-tmp-") {
                    "unfinished".into()
                } else {
                    said(top, &path).unwrap_or_else(|e| panic!("{} is not whole: {e}", name.display()))
                };
                state.insert(name, format!("{mode:o} {said}"));
            }
        }
    }
    state
}

/// Whether a file is the statement of a local secret that this machine vouches for until the next render signs it.
pub fn is_unsigned(top: &Path, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((secret, _)) = name.split_once(".age.json") else { return false };
    let Ok(file) = std::fs::read(top.join(path).with_file_name(format!("{secret}.age"))) else { return false };
    let pins = std::fs::read_dir(top.join(".local/state/pkeys/fleets")).into_iter().flatten().flatten();
    let texts = pins.filter_map(|entry| std::fs::read(entry.path()).ok());
    let vouches = |pins: Value| {
        let values = pins["values"].as_array().cloned().unwrap_or_default();
        values.iter().any(|value| value["name"] == secret && value["sha256"] == hex(&file))
    };
    texts.filter_map(|text| serde_json::from_slice(&text).ok()).any(vouches)
}

/// What a file says; an error when it is cut off or damaged.
fn said(top: &Path, path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).unwrap();
    let text = || String::from_utf8(bytes.clone()).map_err(|e| e.to_string());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    match path.extension().and_then(|end| end.to_str()) {
        _ if name == "audit.jsonl" => Ok(actions(&text()?)?.0.join("\n")),
        Some("toml") => {
            toml::from_str::<toml::Table>(&text()?).map_err(|e| e.to_string())?;
            Ok(plain(&text()?))
        }
        Some("json") => {
            let value: Value = serde_json::from_str(&text()?).map_err(|e| e.to_string())?;
            if name == "manifest.json" {
                payload_fits(path, &value)?;
            }
            Ok(plain(&value.to_string()))
        }
        Some("age") if bytes.starts_with(b"age-encryption.org/") => sealed(top, &bytes),
        // A drawing of random squares, and random words.
        Some("html") if bytes.ends_with(b"</html>\n") => Ok("a page".into()),
        // No more than a command's random name for itself.
        _ => {
            Ok(String::from_utf8(bytes.clone()).map_or_else(|_| format!("{} bytes", bytes.len()), |text| plain(&text)))
        }
    }
}

/// The actions in a log, each once, and whether its last line is cut off. Every whole line continues the one before.
pub fn actions(text: &str) -> Result<(Vec<String>, bool), String> {
    let (mut found, mut before, mut torn) = (Vec::new(), "0".repeat(64), false);
    for line in text.split_inclusive('\n') {
        if !line.ends_with('\n') {
            torn = true;
            break;
        }
        let entry: Value = serde_json::from_str(line).map_err(|e| format!("{e}: {line}"))?;
        if entry["previous"] != *before {
            return Err(format!("a line continues nothing: {line}"));
        }
        before = hex(line.as_bytes());
        // Written after the bundle, which has a number and a time of its own: a killed run leaves none, or another reason.
        if entry["action"] == "render" {
            continue;
        }
        let action = plain(&format!("{} {}", entry["action"].as_str().unwrap_or_default(), entry["details"]));
        if !found.contains(&action) {
            found.push(action);
        }
    }
    Ok((found, torn))
}

/// The hash that a bundle's manifest has of the payload must be that of the file beside it.
fn payload_fits(path: &Path, manifest: &Value) -> Result<(), String> {
    let Some(sum) = manifest["payload"]["sha256"].as_str() else { return Ok(()) };
    let payload = std::fs::read(path.with_file_name("secrets.age")).map_err(|e| e.to_string())?;
    (hex(&payload) == sum).then_some(()).ok_or_else(|| "secrets.age belongs to another manifest.json".into())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an age file holds, opened with whatever key in this sandbox opens it; how long it is where none does.
fn sealed(top: &Path, bytes: &[u8]) -> Result<String, String> {
    for identity in identities(top) {
        let decryptor = Decryptor::new(bytes).map_err(|e| e.to_string())?;
        let Ok(mut plaintext) = decryptor.decrypt(std::iter::once(&*identity)) else { continue };
        let mut value = Vec::new();
        plaintext.read_to_end(&mut value).map_err(|e| e.to_string())?;
        // A tar has times in it.
        let text = plain(&String::from_utf8_lossy(&value)).replace(|c: char| c.is_control() || c.is_ascii_digit(), "");
        let stanzas = String::from_utf8_lossy(bytes).lines().filter(|line| line.starts_with("-> ")).count();
        let key = text.contains("PRIVATE KEY").then(|| "a private key".to_owned());
        return Ok(format!("to {stanzas}: {}", key.unwrap_or(text)));
    }
    Ok("sealed to others".into())
}

fn identities(top: &Path) -> Vec<Box<dyn age::Identity>> {
    let mut found: Vec<Box<dyn age::Identity>> = Vec::new();
    if let Ok(file) = age::IdentityFile::from_file(top.join("config/identity.txt").display().to_string()) {
        found.extend(file.into_identities().into_iter().flatten().map(|identity| identity as Box<dyn age::Identity>));
    }
    for entry in std::fs::read_dir(top).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|e| e == "key"))
    {
        let bytes = std::fs::read(entry.path()).unwrap();
        found.extend(
            age::ssh::Identity::from_buffer(&bytes[..], None).map(|key| Box::new(key) as Box<dyn age::Identity>),
        );
    }
    found
}

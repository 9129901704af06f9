//! Age files when something ends in the middle: no key that is to stay is ever missing.

use super::age::{Bench, keys};
use super::{ROTATION, key, place, record, refused};
use pkeys::source::{KeyRecord, KeyStore};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

const FILES: [&str; 3] =
    ["ssh-user-key.ann.laptop.age", "ssh-user-key.ann.laptop.previous.age", "ssh-user-key.ann.laptop.archived.age"];

/// The calls by which files change.
const CHANGING: [&str; 6] = ["write", "fchmod", "fsync", "rename", "renameat2", "unlink"];

/// Run by `killed` in a process of its own: writes one record.
#[test]
fn child() {
    let Ok(job) = std::env::var("PKEYS_TEST_KEY_STORE") else { return };
    let parts: Vec<&str> = job.split(' ').collect();
    let numbers: Vec<u8> = parts[3..].iter().map(|number| number.parse().unwrap()).collect();
    let keys = keys(parts[0].as_ref(), parts[2].parse().unwrap(), parts[1].into());
    keys.write(&place(), &record(numbers[0], numbers[1], numbers[2])).unwrap();
}

/// Writes a record in a process that is killed at the `number`th of one call. False when it ended before.
fn killed(bench: &Bench, recipient: &str, call: &str, number: usize, to: (u8, u8, u8)) -> bool {
    let directory = bench.directory();
    let identity = bench.top.path().join("identity");
    let job = format!("{} {} {recipient} {} {} {}", directory.display(), identity.display(), to.0, to.1, to.2);
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:signal=KILL:when={number}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "age_faults::child", "--test-threads=1", "--quiet"])
        .env("PKEYS_TEST_KEY_STORE", job)
        .stdout(Stdio::null())
        .status()
        .expect("strace is installed by tests/run");
    let killed = status.signal() == Some(9) || status.code() == Some(137);
    assert!(killed || status.success(), "{call} {number}: {status}");
    killed
}

fn kept(record: Option<KeyRecord>) -> Vec<String> {
    let record = record.unwrap_or_default();
    let archived = record.archived.map(|(key, _)| key);
    [record.current, record.previous, archived].into_iter().flatten().map(|key| key.public).collect()
}

#[test]
fn killed_anywhere_no_key_that_stays_is_lost_and_writing_again_ends_well() {
    let mut kills = 0;
    let pairs: Vec<_> = std::iter::once((0, 0, 0)).chain(ROTATION).zip(ROTATION).filter(|(a, b)| a != b).collect();
    for (from, to) in pairs {
        let stays: Vec<u8> =
            [from.0, from.1, from.2].into_iter().filter(|n| *n > 0 && [to.0, to.1, to.2].contains(n)).collect();
        for call in CHANGING {
            for number in 1..60 {
                let bench = Bench::new();
                bench.keys().write(&place(), &record(from.0, from.1, from.2)).unwrap();
                if !killed(&bench, &bench.public(), call, number, to) {
                    break;
                }
                kills += 1;
                let left = kept(bench.keys().read(&place()).unwrap_or_else(|e| panic!("{call} {number}: {e}")));
                for number in &stays {
                    assert!(left.contains(&key(*number).public), "{from:?} {to:?} {call}: key {number} is lost");
                }
                let wanted = record(to.0, to.1, to.2);
                bench.keys().write(&place(), &wanted).unwrap();
                assert_eq!(bench.keys().read(&place()).unwrap(), Some(wanted).filter(|r| !r.is_empty()));
            }
        }
    }
    assert!(kills > 50, "killed {kills} times only");
    println!("killed {kills} times");
}

#[test]
fn a_disk_that_is_full_read_only_or_broken_loses_no_key() {
    let bench = Bench::new();
    bench.keys().write(&place(), &record(1, 0, 0)).unwrap();
    let before: Vec<_> = FILES.iter().map(|file| bench.plain(file)).collect();
    let job = format!(
        "{} {} {} 2 1 0",
        bench.directory().display(),
        bench.top.path().join("identity").display(),
        bench.public()
    );
    let mut failed = 0;
    for error in ["ENOSPC", "EROFS", "EIO"] {
        for call in ["openat", "write", "fsync", "rename"] {
            for number in 1..100 {
                bench.keys().write(&place(), &record(1, 0, 0)).unwrap();
                let inject = format!("inject={call}:error={error}:when={number}+");
                let trace = format!("trace={call}");
                let status = Command::new("strace")
                    .args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
                    .arg(std::env::current_exe().unwrap())
                    .args(["--exact", "age_faults::child", "--test-threads=1", "--quiet"])
                    .env("PKEYS_TEST_KEY_STORE", &job)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .unwrap();
                if status.success() {
                    break;
                }
                failed += 1;
                let left = bench.keys().read(&place()).unwrap();
                assert!(kept(left).contains(&key(1).public), "{error} {call} {number}");
            }
        }
    }
    bench.keys().write(&place(), &record(1, 0, 0)).unwrap();
    assert!(failed > 50, "{failed}");
    let now: Vec<_> = FILES.iter().map(|file| bench.plain(file)).collect();
    assert_eq!(now, before);
    assert!(bench.files().iter().all(|name| !name.contains("tmp")), "{:?}", bench.files());
}

#[test]
fn an_operator_who_cannot_read_it_back_is_told_so() {
    let (own, other) = (Bench::new(), Bench::new());
    let keys = keys(&own.directory(), other.public().parse().unwrap(), own.top.path().join("identity"));
    refused(keys.write(&place(), &record(1, 0, 0)), "cannot be read back", "");
    let mode = std::fs::metadata(own.directory()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

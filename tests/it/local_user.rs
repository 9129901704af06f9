//! What another user of the operator's machine tries: to get a key that pkeys writes below a directory that everybody may
//! write to.

use crate::common::nobody::{as_nobody, python, repository, started};
use crate::common::{Sandbox, root, run_command};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const NOBODY: u32 = 65534;
const ROUNDS: usize = 25;

/// Puts a directory of its own, with files that everybody may read, to a name and away again, as fast as it can; keeps it
/// there once somebody writes into it.
const ATTACK: &str = r#"
import os, sys
name, own, files = sys.argv[1], sys.argv[2], sys.argv[3:]
os.umask(0)
os.mkdir(own, 0o777)
for file in files:
    os.close(os.open(own + "/" + file, os.O_CREAT | os.O_WRONLY, 0o666))
print("ready", flush=True)
taken = False
while True:
    try:
        os.rename(own, name)
        taken = any(os.path.getsize(name + "/" + f) for f in os.listdir(name))
    except OSError:
        pass
    if not taken:
        try: os.rename(name, own)
        except OSError: pass
"#;

/// A directory that everybody may write to and only owners may rename in, as /dev/shm is. Removed when dropped.
fn everybodys() -> tempfile::TempDir {
    let made = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::set_permissions(made.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
    made
}

/// What of `files` is in a directory of another user's.
fn lost(directories: &[&Path], files: &[&str]) -> Option<PathBuf> {
    let all = directories.iter().flat_map(|directory| files.iter().map(move |file| directory.join(file)));
    all.into_iter().find(|path| {
        let foreign = path.parent().unwrap().metadata().is_ok_and(|found| found.uid() == NOBODY);
        foreign && path.metadata().is_ok_and(|found| found.len() > 0)
    })
}

#[test]
fn nobody_gets_what_is_written_below_dev_shm_by_being_quick() {
    if !root("another user races for a directory") {
        return;
    }
    let private = tempfile::tempdir_in("/dev/shm").unwrap();
    let (sandbox, typed) = repository(private.path());
    let other = Sandbox::new();
    other.secret("token", b"hunter2", &[]);
    let race = |what: &str, files: &[&str], run: &dyn Fn(&str)| {
        for round in 0..ROUNDS {
            let place = everybodys();
            let (name, own) = (place.path().join("out"), place.path().join("own"));
            let mut attack = as_nobody(python());
            let _attacker = started(attack.args(["-c", ATTACK]).args([&name, &own]).args(files));
            run(name.to_str().unwrap());
            assert_eq!(lost(&[&name, &own], files), None, "{what}, round {round}");
        }
    };
    race("open --to", &["token"], &|name| {
        sandbox.pkeys_with(&["break-glass", "open", "web", "--to", name], typed.as_bytes());
    });
    race("init --sheets", &["sheet.html"], &|name| {
        // It asks at the end, and there is no terminal: the key is on the sheet by then.
        other.pkeys(&["break-glass", "init", "--sheets", name]);
    });
}

#[test]
fn directories_that_others_made_or_can_exchange_are_refused() {
    if !root("another user makes directories") {
        return;
    }
    let private = tempfile::tempdir_in("/dev/shm").unwrap();
    let (sandbox, typed) = repository(private.path());
    sandbox.pkeys(&["host", "add", "db", "--generate"]).good();
    let place = everybodys();
    let foreign = place.path().join("foreign");
    run_command(as_nobody("mkdir").args(["-m", "777"]).arg(&foreign), b"").good();
    let open = place.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let link = place.path().join("link");
    run_command(as_nobody("ln").arg("-s").arg(&foreign).arg(&link), b"").good();
    let missing = place.path().join("missing/out");
    for (path, error) in [
        (foreign.clone(), "is there already"),
        (link.clone(), "is there already"),
        (foreign.join("out"), "other users can change"),
        (link.join("out"), "other users can change"),
        (open.join("out"), "other users can change"),
        (missing.clone(), "no such file or directory"),
    ] {
        let name = path.to_str().unwrap();
        let other = Sandbox::new();
        for (ran, what) in [
            (sandbox.pkeys_with(&["break-glass", "open", "web", "--to", name], typed.as_bytes()), "open"),
            (other.pkeys(&["break-glass", "init", "--yes", "--sheets", name]), "sheets"),
            (sandbox.pkeys(&["host", "extra-files", "db", name]), "extra-files"),
        ] {
            assert_eq!(ran.status, 1, "{what} {name}: {ran:?}");
            assert!(ran.err.contains(error), "{what} {name}: {ran:?}");
        }
    }
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 0);
    assert!(!missing.parent().unwrap().exists());
    // What is made is for this user alone.
    let good = place.path().join("good");
    sandbox.pkeys_with(&["break-glass", "open", "web", "--to", good.to_str().unwrap()], typed.as_bytes()).good();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&good), mode(&good.join("token"))), (0o700, 0o600));
}

#[test]
fn a_page_is_not_written_through_a_link_of_another_user() {
    if !root("another user makes a link") {
        return;
    }
    let sandbox = Sandbox::new();
    let mine = sandbox.path("mine");
    std::fs::write(&mine, "precious\n").unwrap();
    let place = everybodys();
    let page = place.path().join("matrix.html");
    run_command(as_nobody("ln").arg("-s").arg(&mine).arg(&page), b"").good();
    sandbox
        .pkeys(&["policy", "matrix", "--html", page.to_str().unwrap()])
        .bad("is not a regular file", "another place");
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "precious\n");
    std::fs::remove_file(&page).unwrap();
    sandbox.pkeys(&["policy", "matrix", "--html", page.to_str().unwrap()]).good();
}

//! What another user of a host can do to `make-identity`: nothing.

use crate::common::nobody::{as_nobody, started};
use crate::common::{Ran, Sandbox, activate_binary, root, run_command};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

fn make_identity(sandbox: &Sandbox, file: &Path) -> Ran {
    // A run that waits for ever ends with status 124.
    let mut command = sandbox.command_of("timeout");
    run_command(command.args(["60", activate_binary(), "make-identity"]).arg(file), b"")
}

fn mode(directory: &Path, mode: u32) {
    std::fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn who_can_read_the_directory_cannot_keep_an_identity_from_being_made() {
    if !root("another user holds a lock") {
        return;
    }
    let sandbox = Sandbox::empty();
    let directory = sandbox.path("identity");
    std::fs::create_dir(&directory).unwrap();
    mode(sandbox.top.path(), 0o755);
    mode(&directory, 0o755);
    let mut attacker = as_nobody("flock");
    attacker.arg("-x").arg(&directory).args(["sh", "-c", "echo ready; exec cat"]).stdin(Stdio::piped());
    let _held = started(&mut attacker);
    let recipient = make_identity(&sandbox, &directory.join("key")).good();
    assert!(recipient.starts_with("age1pq1"), "{recipient}");
    assert_eq!(directory.join("key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn names_that_another_user_planted_beside_it_are_left_alone() {
    if !root("another user plants files") {
        return;
    }
    let sandbox = Sandbox::empty();
    let directory = sandbox.path("shared");
    std::fs::create_dir(&directory).unwrap();
    mode(sandbox.top.path(), 0o755);
    mode(&directory, 0o1777);
    let theirs = directory.join(".pkeys-tmp-key-0123456789abcdef");
    run_command(as_nobody("mkdir").arg(&theirs), b"").good();
    run_command(as_nobody("touch").arg(theirs.join("file")), b"").good();
    make_identity(&sandbox, &directory.join("key")).good();
    assert!(theirs.join("file").exists());
    // In a directory of root's own, what a killed run left goes.
    mode(&directory, 0o700);
    make_identity(&sandbox, &directory.join("key")).bad("is there already", "new file");
    assert!(!theirs.exists());
}

#[test]
fn an_identity_is_not_made_where_another_user_could_exchange_it() {
    if !root("another user owns a directory") {
        return;
    }
    let sandbox = Sandbox::empty();
    mode(sandbox.top.path(), 0o755);
    let open = sandbox.path("open");
    std::fs::create_dir(&open).unwrap();
    mode(&open, 0o777);
    let theirs = open.join("theirs");
    run_command(as_nobody("mkdir").arg(&theirs), b"").good();
    for file in [open.join("key"), theirs.join("key"), theirs.join("more/key")] {
        make_identity(&sandbox, &file).bad("other users can change", "only you can change");
        assert!(!file.exists());
    }
    assert!(!theirs.join("more").exists());
    // Directories that are missing are made, and a relative name is one too.
    let deep = sandbox.path("a/b/key");
    make_identity(&sandbox, &deep).good();
    assert_eq!(deep.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    make_identity(&sandbox, Path::new("key")).good();
    assert!(sandbox.repo().join("key").exists());
}

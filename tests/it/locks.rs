//! Runs that change one repository take turns; other users have no part in it.

use crate::common::nobody::{Running, as_nobody, readable, repository, started};
use crate::common::{Sandbox, root, run_command};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

#[test]
fn who_can_read_the_repository_keeps_nobody_from_working() {
    if !root("another user holds a lock") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    readable(&sandbox);
    let hold = "echo ready; exec cat";
    let mut attacker = as_nobody("flock");
    let _held = started(attacker.arg("-x").arg(sandbox.repo()).args(["sh", "-c", hold]).stdin(Stdio::piped()));
    let mut command = sandbox.command_of("timeout");
    run_command(command.args(["120", crate::common::pkeys_binary(), "render"]), b"").good();
    // The lock that pkeys uses cannot even be opened by others.
    let locks = sandbox.path(".local/state/pkeys/locks");
    assert_eq!(locks.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let lock = std::fs::read_dir(&locks).unwrap().next().unwrap().unwrap().path();
    assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(run_command(as_nobody("flock").arg("-n").arg(&lock).arg("true"), b"").status, 0);
}

/// Holds the lock of the sandbox's repository.
fn busy(sandbox: &Sandbox) -> Running {
    let locks = sandbox.path(".local/state/pkeys/locks");
    let real = sandbox.repo().canonicalize().unwrap();
    let sum = crate::common::run("sha256sum", &["-"], real.to_str().unwrap().as_bytes()).good();
    let lock = locks.join(sum.split(' ').next().unwrap());
    assert!(lock.is_file(), "{lock:?}");
    let mut command = Command::new("flock");
    started(
        command.arg("--no-fork").arg("-x").arg(lock).args(["sh", "-c", "echo ready; exec cat"]).stdin(Stdio::piped()),
    )
}

#[test]
fn a_run_that_waits_says_for_whom_and_goes_on_when_that_ends() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let other = busy(&sandbox);
    let mut waiting = sandbox.command().arg("render").stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("warning: waiting for another pkeys (pid ") && line.ends_with(") to finish\n"),
        "{line:?}"
    );
    assert!(waiting.try_wait().unwrap().is_none());
    drop(other);
    said.read_to_string(&mut line).unwrap();
    assert!(waiting.wait().unwrap().success(), "{line}");
}

#[test]
fn break_glass_opens_while_another_pkeys_works_and_where_nothing_can_be_written() {
    let private = tempfile::tempdir_in("/dev/shm").unwrap();
    let (sandbox, typed) = repository(private.path());
    let open = ["break-glass", "open", "web", "--secret", "token"];
    let log = sandbox.read("audit.jsonl");
    {
        let _other = busy(&sandbox);
        let ran = sandbox.pkeys_with(&open, typed.as_bytes());
        assert!(ran.err.contains("not in the log: another pkeys is changing the repository"), "{ran:?}");
        assert_eq!(ran.good(), "hunter2");
    }
    assert_eq!(sandbox.read("audit.jsonl"), log);
    // A read-only medium: no log, no locks, no home. As another user where that makes a difference.
    let mut command = match root("another user opens a clone that is not theirs") {
        true => {
            readable(&sandbox);
            let copy = sandbox.path("pkeys");
            crate::common::copy_program(crate::common::pkeys_binary(), &copy);
            let mut command = as_nobody(copy.to_str().unwrap());
            command.env_clear().current_dir(sandbox.repo());
            command
        }
        false => sandbox.command(),
    };
    command.env("PKEYS_STATE_DIR", "/proc/nowhere").env_remove("HOME").env("PATH", std::env::var_os("PATH").unwrap());
    let ran = run_command(command.args(open), typed.as_bytes());
    assert!(ran.err.contains("this is not in the log: "), "{ran:?}");
    assert_eq!(ran.good(), "hunter2");
    // The lock is by the directory, whatever path leads there.
    let link = sandbox.path("link");
    symlink(sandbox.repo(), &link).unwrap();
    let _other = busy(&sandbox);
    let mut command = sandbox.command();
    let ran = run_command(command.args(["--repo", link.to_str().unwrap()]).args(open), typed.as_bytes());
    assert!(ran.err.contains("another pkeys is changing"), "{ran:?}");
}

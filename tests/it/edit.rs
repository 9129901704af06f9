//! `secret edit` with real editors and real signals: the plaintext is nowhere but in memory, and gone afterwards.

use crate::common::{Ran, Sandbox, run_command};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const NEEDLE: &str = "hunter2-needle";

/// Settings of an operator who keeps everything.
const VIMRC: &str = "set nocompatible undofile undodir=~/undo backup writebackup backupdir=~/backup directory=~/swap\n\
    set viminfo='100,<50,s10,h patchmode=.orig updatecount=1 swapfile\n\
    if exists('&viminfofile') | set viminfofile=~/my-info | endif\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.secret("mine", format!("{NEEDLE}-before\n").as_bytes(), &[]);
    for directory in ["undo", "backup", "swap"] {
        std::fs::create_dir(sandbox.path(directory)).unwrap();
    }
    sandbox
}

/// Edits on a terminal.
fn edit(sandbox: &Sandbox, editor: &str) -> Ran {
    let mut command = sandbox.command_of("script");
    let line = format!("{} secret edit mine", crate::common::pkeys_binary());
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("EDITOR", editor);
    run_command(&mut command, b"")
}

fn edited(sandbox: &Sandbox) {
    assert_eq!(sandbox.pkeys(&["secret", "show", "mine"]).good(), format!("{NEEDLE}-after\n{NEEDLE}-after\n"));
    sandbox.nowhere(NEEDLE.as_bytes(), &[]);
    let left = ["undo", "backup", "swap"].map(|name| std::fs::read_dir(sandbox.path(name)).unwrap().count());
    assert_eq!(left, [0, 0, 0]);
}

#[test]
fn vim_leaves_nothing_in_the_home_whatever_its_settings_are() {
    for (vimrc, vim) in [
        ("", "vim"),
        (VIMRC, "vim"),
        (VIMRC, "vi"),
        (VIMRC, "vim.tiny"),
        ("", "'vim' -u ~/.vimrc"),
        (VIMRC, "/usr/bin/vim -T xterm"),
    ] {
        if !Path::new("/usr/bin/vim.tiny").exists() && vim == "vim.tiny" {
            continue;
        }
        let sandbox = sandbox();
        std::fs::write(sandbox.path(".vimrc"), vimrc).unwrap();
        // A line is copied, the whole is filtered through a program, and words are searched for.
        let keys = sandbox.path("keys");
        std::fs::write(&keys, format!("yyp:%s/before/after/\r/{NEEDLE}\r:%!sort\r:wq\r")).unwrap();
        let ran = edit(&sandbox, &format!("{vim} -s {}", keys.display()));
        assert_eq!(ran.status, 0, "{vim}: {ran:?}");
        assert!(!ran.out.contains("does not know this editor"), "{vim}: {ran:?}");
        std::fs::remove_file(&keys).unwrap();
        edited(&sandbox);
    }
}

#[test]
fn nano_leaves_nothing_in_the_home_whatever_its_settings_are() {
    let sandbox = sandbox();
    let settings = "set backup\nset backupdir \"~/backup\"\nset historylog\nset positionlog\n";
    std::fs::write(sandbox.path(".nanorc"), settings).unwrap();
    // Of root, nano reads what is in /root.
    let mut command = match crate::common::root("nano reads its settings as another user does") {
        true => {
            crate::common::copy_program(crate::common::pkeys_binary(), &sandbox.path("pkeys"));
            crate::common::run("chown", &["-R", "65534:65534", sandbox.top.path().to_str().unwrap()], b"").good();
            let mut command = sandbox.command_of("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "script", "-qec"]);
            command.arg(format!("{} secret edit mine", sandbox.path("pkeys").display()));
            command
        }
        false => {
            let mut command = sandbox.command_of("script");
            command.arg("-qec").arg(format!("{} secret edit mine", crate::common::pkeys_binary()));
            command
        }
    };
    command.arg("/dev/null").env("TERM", "xterm").env("EDITOR", "nano").stderr(Stdio::piped());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tests/run installs it");
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    // Search for the word, which goes into a history; then replace both words on a second line, write, and leave.
    let keys: [(&str, &[u8]); 5] = [
        (NEEDLE, b"\x17"),
        ("Search", b"hunter2-needle-before\r"),
        ("occurrence", b"\x0b\x15\x15"),
        ("", b"\x18"),
        ("Save modified", b"y"),
    ];
    for (wanted, typed) in keys {
        until(&mut screen, &mut seen, wanted);
        keyboard.write_all(typed).unwrap();
    }
    until(&mut screen, &mut seen, "Write");
    keyboard.write_all(b"\r").unwrap();
    drop(keyboard);
    screen.read_to_end(&mut seen).unwrap();
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&seen));
    let now = sandbox.pkeys(&["secret", "show", "mine"]).good();
    assert_eq!(now, format!("{NEEDLE}-before\n{NEEDLE}-before\n"));
    sandbox.nowhere(NEEDLE.as_bytes(), &[]);
    assert_eq!(std::fs::read_dir(sandbox.path("backup")).unwrap().count(), 0);
}

/// Reads a screen until a word is on it that was not there before.
fn until(screen: &mut impl Read, seen: &mut Vec<u8>, word: &str) {
    let (start, mut byte) = (seen.len(), [0]);
    while !String::from_utf8_lossy(&seen[start..]).contains(word) {
        assert!(screen.read(&mut byte).is_ok_and(|n| n == 1), "no {word:?} in {}", String::from_utf8_lossy(seen));
        seen.push(byte[0]);
    }
}

#[test]
fn an_editor_that_pkeys_does_not_know_is_warned_of_before_it_starts() {
    let sandbox = sandbox();
    let editor =
        sandbox.script("my editor", "echo started >&2; printf %s \"$1$2\" | sed 's/.*edit-.*/file/' > ~/arguments");
    let set = |value: String| run_command(sandbox.command().env("EDITOR", value).args(["secret", "edit", "mine"]), b"");
    let ran = set(format!("'{}' --flag", editor.display()));
    assert!(ran.err.starts_with("warning: pkeys does not know this editor"), "{ran:?}");
    assert!(ran.err.contains("\nstarted\n"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(sandbox.path("arguments")).unwrap(), "file");
    assert_eq!(ran.good(), "unchanged mine\n");
    // What the shell makes of it is what counts, as with git.
    let ran = set("$HOME/'my editor'".into());
    assert_eq!(ran.good(), "unchanged mine\n");
}

/// An editor that waits: its process, and pkeys'.
struct Editing {
    pkeys: Child,
    editor: i32,
}

impl Drop for Editing {
    fn drop(&mut self) {
        let _ = self.pkeys.kill();
        let _ = self.pkeys.wait();
        let _ = kill_process(Pid::from_raw(self.editor).unwrap(), Signal::KILL);
    }
}

fn editing(sandbox: &Sandbox, memory: &Path) -> Editing {
    let editor = sandbox.script("waits", "echo $$; exec sleep 1000");
    let mut command = sandbox.command();
    command.env("EDITOR", editor).env("XDG_RUNTIME_DIR", memory).args(["secret", "edit", "mine"]);
    let mut pkeys = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut line, mut byte) = (String::new(), [0]);
    while pkeys.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.push(char::from(byte[0]));
    }
    Editing { pkeys, editor: line.parse().unwrap() }
}

fn directories(memory: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(memory).unwrap().flatten().map(|entry| entry.path());
    found.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("pkeys-edit-")).collect()
}

fn send(editing: &Editing, signal: Signal) {
    kill_process(Pid::from_raw(editing.pkeys.id().cast_signed()).unwrap(), signal).unwrap();
}

#[test]
fn a_signal_that_ends_the_program_removes_the_plaintext_and_ends_the_editor() {
    use std::os::unix::process::ExitStatusExt;
    let (sandbox, memory) = (sandbox(), tempfile::tempdir_in("/dev/shm").unwrap());
    for signal in [Signal::TERM, Signal::HUP] {
        let mut editing = editing(&sandbox, memory.path());
        assert_eq!(directories(memory.path()).len(), 1);
        send(&editing, signal);
        assert_eq!(editing.pkeys.wait().unwrap().signal(), Some(signal.as_raw()));
        assert_eq!(directories(memory.path()), Vec::<PathBuf>::new(), "{signal:?}");
        // It is not ours any more; who inherited it reaps it.
        let alive =
            || std::fs::read_to_string(format!("/proc/{}/stat", editing.editor)).is_ok_and(|s| !s.contains(") Z "));
        while alive() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    // Ctrl-C is the editor's while it has the terminal.
    let mut editing = editing(&sandbox, memory.path());
    send(&editing, Signal::INT);
    send(&editing, Signal::QUIT);
    // Both are taken while the editor runs.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(editing.pkeys.try_wait().unwrap(), None);
    assert_eq!(directories(memory.path()).len(), 1);
    kill_process(Pid::from_raw(editing.editor).unwrap(), Signal::TERM).unwrap();
    assert_eq!(editing.pkeys.wait().unwrap().code(), Some(1));
    assert_eq!(directories(memory.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_and_what_is_used_or_kept_stays() {
    let (sandbox, memory) = (sandbox(), tempfile::tempdir_in("/dev/shm").unwrap());
    let mut killed = editing(&sandbox, memory.path());
    killed.pkeys.kill().unwrap();
    killed.pkeys.wait().unwrap();
    let left = directories(memory.path());
    assert_eq!(left.len(), 1);
    let alive = editing(&sandbox, memory.path());
    let used = directories(memory.path());
    assert!(used.len() == 1 && used != left, "{used:?}");
    for kept in ["pkeys-kept-break-glass-0123456789abcdef", "pkeys-break-glass-0123456789abcdef", "pkeys-edit-other"] {
        run_command(Command::new("mkdir").args(["-m", "700"]).arg(memory.path().join(kept)), b"").good();
    }
    let mut command = sandbox.command();
    command.env("XDG_RUNTIME_DIR", memory.path()).env("EDITOR", "true").args(["secret", "edit", "mine"]);
    assert_eq!(run_command(&mut command, b"").good(), "unchanged mine\n");
    assert!(used[0].join("mine").is_file());
    assert_eq!(std::fs::read_dir(memory.path()).unwrap().count(), 4);
    drop(alive);
}

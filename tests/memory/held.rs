//! A program that is held at a system call, and what root sees of its memory then.

use crate::common::run;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use pkeys::base::process::WIPED;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[cfg(target_arch = "x86_64")]
mod calls {
    pub const EXIT: (&str, i64) = ("exit_group", 231);
    pub const FSYNC: (&str, i64) = ("fsync", 74);
    pub const FCHMOD: (&str, i64) = ("fchmod", 91);
}
#[cfg(target_arch = "aarch64")]
mod calls {
    pub const EXIT: (&str, i64) = ("exit_group", 94);
    pub const FSYNC: (&str, i64) = ("fsync", 82);
    pub const FCHMOD: (&str, i64) = ("fchmod", 52);
}
pub use calls::{EXIT, FCHMOD, FSYNC};

/// Half a key: so much of a secret in one place is too much.
const PIECE: usize = 16;

/// How much of a stack frames may use that are there from the beginning to the end, and those after the wiping.
const IN_USE: usize = 12 * 1024;

/// The number of a system call where the program is held, as `/proc/PID/syscall` shows it.
fn held_at(pid: u32) -> Option<i64> {
    std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?.split(' ').next()?.parse().ok()
}

/// A program that a tracer holds at a call.
pub struct Held {
    tracer: Child,
    pid: u32,
}

/// A part of a program's memory.
struct Mapping {
    /// Its line in `/proc/PID/maps`.
    line: String,
    bytes: Vec<u8>,
}

impl Held {
    /// Starts a program, which must be traced with `command`, and waits until it is held at the first of these calls.
    pub fn at(
        (call, code): (&str, i64),
        mut command: Command,
        program: &str,
        arguments: &[&str],
        input: &[u8],
    ) -> Self {
        let inject = format!("inject={call}:delay_enter=300s:when=1");
        // Not what it runs itself: `git` ends too, and earlier.
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject, program]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tracer = command.spawn().expect("tests/run installs strace");
        tracer.stdin.take().unwrap().write_all(input).unwrap();
        for _ in 0..3000 {
            std::thread::sleep(Duration::from_millis(20));
            let children = format!("/proc/{0}/task/{0}/children", tracer.id());
            let children = std::fs::read_to_string(children).unwrap_or_default();
            for pid in children.split_whitespace().map(|pid| pid.parse().unwrap()) {
                let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
                let tasks: Vec<u32> = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
                if tasks.into_iter().any(|task| held_at(task) == Some(code)) {
                    return Self { tracer, pid };
                }
            }
            assert!(tracer.try_wait().unwrap().is_none(), "{program} {arguments:?} ended before {call}");
        }
        panic!("{program} {arguments:?} was never held at {call}");
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.pid)).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Demands that nothing of it would be in a core dump, that there is none, and that memory is locked.
    pub fn is_closed_and_locked(&self) {
        assert_eq!(self.file("coredump_filter").trim(), "00000000");
        let limits = self.file("limits");
        let cores: Vec<_> =
            limits.lines().find(|line| line.contains("core file")).unwrap().split_whitespace().collect();
        assert_eq!(cores[4..6], ["0", "0"], "{limits}");
        let status = self.file("status");
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap().trim();
        assert_ne!(locked, "0 kB", "{status}");
    }

    /// All of its memory that can be read.
    fn memory(&self) -> Vec<Mapping> {
        let maps = self.file("maps");
        let memory = std::fs::File::open(format!("/proc/{}/mem", self.pid)).expect("root may read it");
        let mut all = Vec::new();
        for line in maps.lines().filter(|map| !map.ends_with("[vvar]") && !map.ends_with("[vsyscall]")) {
            let Some((range, _)) = line.split_once(" r") else { continue };
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            if memory.read_exact_at(&mut bytes, from).is_ok() {
                all.push(Mapping { line: line.to_owned(), bytes });
            }
        }
        assert!(all.iter().map(|map| map.bytes.len()).sum::<usize>() > 1024 * 1024, "hardly any memory could be read");
        all
    }

    /// Where any of these secrets is in its memory, whole or in good part, as it is or in base64.
    pub fn find<S: AsRef<[u8]>>(&self, secrets: &[S]) -> Vec<String> {
        let pieces: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| pieces(secret.as_ref())).collect();
        let mut found = Vec::new();
        for Mapping { line, bytes, .. } in self.memory() {
            for piece in &pieces {
                found.extend(memchr::memmem::find_iter(&bytes, piece).map(|at| {
                    format!("{} at {at:#x} of {:#x} in {line}", String::from_utf8_lossy(piece), bytes.len())
                }));
            }
        }
        found
    }

    /// What calls left on the stacks of the main thread and of those that `base::parallel` started: how many bytes in
    /// each, below the frames that are still in use, and but for what the wiping itself left.
    pub fn left_on_stacks(&self) -> Vec<usize> {
        let is_ours = |map: &&Mapping| {
            map.line.ends_with("[stack]") || map.line.contains(" rw-p 00000000 00:00 0") && map.bytes.len() == 4 * WIPED
        };
        let all = self.memory();
        let left = all.iter().filter(is_ours).map(|map| {
            let (below, _) = map.bytes.split_at(map.bytes.len() - IN_USE.min(map.bytes.len()));
            let (beyond, wiped) = below.split_at(below.len().saturating_sub(WIPED - IN_USE));
            // The wiping's own frames are just beyond what they wiped.
            let beyond = &beyond[..beyond.len().saturating_sub(2 * IN_USE)];
            [beyond, wiped].into_iter().flatten().filter(|byte| **byte != 0).count()
        });
        left.collect()
    }
}

/// What is looked for to find a secret: pieces of it as it is, and of its base64, wherever it begins in what is encoded.
fn pieces(secret: &[u8]) -> Vec<Vec<u8>> {
    let encoded = (0..3).map(|skipped| {
        let rest = &secret[skipped..];
        STANDARD_NO_PAD.encode(&rest[..rest.len() / 3 * 3]).into_bytes()
    });
    std::iter::once(secret.to_vec())
        .chain(encoded)
        .flat_map(|text| match text.len() >= 2 * PIECE {
            true => text.chunks_exact(PIECE).map(<[u8]>::to_vec).collect(),
            false => vec![text],
        })
        .collect()
}

impl Drop for Held {
    fn drop(&mut self) {
        // In this order: the program ends once nobody holds it any more.
        let _ = run("kill", &["-KILL", &self.pid.to_string()], b"");
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

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

/// How much of a thread's stack is in use from its beginning to its end, and after the wiping.
const IN_USE: usize = 12 * 1024;
/// The same of the main thread's: arguments, environment, and up to 16 KiB that the kernel leaves out at random.
const IN_USE_OF_MAIN: usize = 32 * 1024;

/// The number of a system call where the program is held, as `/proc/PID/syscall` shows it.
fn held_at(pid: u32) -> Option<i64> {
    std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?.split(' ').next()?.parse().ok()
}

/// How a program is started so that it is held at a call.
fn tracing(call: &str) -> [String; 8] {
    let inject = format!("inject={call}:delay_enter=300s:when=1");
    ["strace", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject].map(str::to_owned)
}

/// The processes that a process started, and those that they did.
fn descendants(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
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
    pub fn at(call: (&str, i64), mut command: Command, program: &str, arguments: &[&str], input: &[u8]) -> Self {
        command.args(&tracing(call.0)[1..]).arg(program).args(arguments);
        Self::wait(call, command, program, input, false)
    }

    /// The same on a terminal of its own, where a line is typed until it is taken: nobody sees when it is asked for.
    pub fn on_a_terminal(call: (&str, i64), mut script: Command, program: &str, arguments: &str, line: &str) -> Self {
        let run = format!("{} {program} {arguments}", tracing(call.0).join(" "));
        script.args(["-qec", &run, "/dev/null"]);
        Self::wait(call, script, program, line.as_bytes(), true)
    }

    fn wait((call, code): (&str, i64), mut command: Command, program: &str, input: &[u8], again: bool) -> Self {
        let what = format!("{command:?}");
        let program = std::fs::canonicalize(program).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tracer = command.spawn().expect("tests/run installs it");
        let mut keyboard = tracer.stdin.take().unwrap();
        keyboard.write_all(input).unwrap();
        let mut keyboard = again.then_some(keyboard);
        for round in 1..3000 {
            std::thread::sleep(Duration::from_millis(20));
            if let Some(keyboard) = keyboard.as_mut().filter(|_| round % 25 == 0) {
                let _ = keyboard.write_all(input);
            }
            // Not what it runs itself: `git` ends too, and earlier.
            let runs = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
            for pid in descendants(tracer.id()).into_iter().filter(runs) {
                let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
                let tasks: Vec<u32> = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect();
                if tasks.into_iter().any(|task| held_at(task) == Some(code)) {
                    return Self { tracer, pid };
                }
            }
            assert!(tracer.try_wait().unwrap().is_none(), "{what} ended before {call}");
        }
        panic!("{what} was never held at {call}");
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

    /// How many bytes calls left on each stack of the main thread and of those that `base::parallel` started: beside the
    /// frames that are there from the beginning to the end, and those of the wiping itself, where it ends.
    pub fn left_on_stacks(&self) -> Vec<usize> {
        let all = self.memory();
        let stacks = all.iter().filter_map(|map| match map.line.ends_with("[stack]") {
            true => Some((&map.bytes, IN_USE_OF_MAIN)),
            false => (map.line.contains(" rw-p 00000000 00:00 0") && map.bytes.len() == 4 * WIPED)
                .then_some((&map.bytes, IN_USE)),
        });
        let left = stacks.map(|(bytes, in_use)| {
            let deep = bytes.iter().rev().enumerate().skip(in_use);
            deep.filter(|(depth, byte)| **byte != 0 && !(WIPED..WIPED + 2 * in_use).contains(depth)).count()
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
        // Whatever is between: the program ends once nobody holds it any more.
        let all: Vec<String> = descendants(self.tracer.id()).iter().map(ToString::to_string).collect();
        let _ = run("kill", &[vec!["-KILL".into()], all].concat(), b"");
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

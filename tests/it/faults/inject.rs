//! Faults, and the programs that make them: strace for errors and kills, the kernel's own limit for short writes.

use super::plan::{Point, TRACED};
use super::world::World;
use crate::common::{Ran, run_command};
use std::path::PathBuf;
use std::process::Command;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The program is killed at a call.
    Kill(Point),
    /// A call fails once.
    Error(Point, &'static str),
    /// From a call on, all that change something fail: a disk that is full, or that the kernel made read-only.
    Sticky(Point, &'static str),
    /// No file can be longer: a write beyond it is cut short, the next one kills the program, or fails where `ignored`.
    Limit { bytes: u64, ignored: bool },
}

impl Fault {
    /// Whether the program may do no more after it.
    pub fn kills(&self) -> bool {
        matches!(self, Self::Kill(_) | Self::Limit { ignored: false, .. })
    }

    /// Whether the program could not take away what it had begun, however much it wanted to.
    pub fn leaves(&self) -> bool {
        match self {
            Self::Kill(_) | Self::Sticky(..) => true,
            Self::Error(point, _) => point.call.starts_with("unlink") || point.call == "rmdir" || point.reads(),
            Self::Limit { ignored, .. } => !ignored,
        }
    }

    /// A call that was interrupted is made again.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Error(_, "EINTR"))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kill(point) => write!(f, "killed at {point}"),
            Self::Error(point, error) => write!(f, "{error} at {point}"),
            Self::Sticky(point, error) => write!(f, "{error} from {point} on"),
            Self::Limit { bytes, ignored } => write!(f, "files of {bytes} bytes at most (ignored: {ignored})"),
        }
    }
}

/// A program with what it is told.
pub struct Call<'a> {
    pub world: &'a World,
    pub program: &'a str,
    pub arguments: Vec<String>,
    pub input: Vec<u8>,
}

impl Call<'_> {
    /// Any program in the world, which has a place in memory of its own.
    fn command(&self, program: &str) -> Command {
        let mut command = self.world.sandbox.command_of(program);
        command.env("XDG_RUNTIME_DIR", self.world.memory.path());
        let editor = self.world.sandbox.path("editor");
        if editor.exists() {
            command.env("EDITOR", editor);
        }
        command
    }

    fn run(&self, command: &mut Command) -> Ran {
        run_command(command, &self.input)
    }

    /// With no fault.
    pub fn good(&self) -> Ran {
        self.run(self.command(self.program).args(&self.arguments))
    }

    fn log(&self) -> tempfile::NamedTempFile {
        tempfile::NamedTempFile::new().unwrap()
    }

    /// With no fault, each call that touches a file written down.
    pub fn traced(&self) -> (Ran, String) {
        let log = self.log();
        let mut command = self.command("strace");
        command.args(["-f", "-y", "-qq", "-s", "0", "-e", &format!("trace={TRACED},execve"), "-o"]).arg(log.path());
        let ran = self.run(command.arg(self.program).args(&self.arguments));
        (ran, std::fs::read_to_string(log.path()).unwrap())
    }

    /// With a fault. `None` when the program ended before it came to it.
    pub fn with(&self, fault: &Fault) -> Option<Ran> {
        let strace = |injections: Vec<String>| {
            let log = self.log();
            let calls: Vec<_> = injections.iter().map(|injection| injection.split(':').next().unwrap()).collect();
            let mut command = self.command("strace");
            let trace = format!("trace={}", calls.join(","));
            command.args(["-f", "-y", "-qq", "-s", "0", "-e", &trace, "-o"]).arg(log.path());
            injections.iter().for_each(|injection| {
                command.args(["-e", &format!("inject={injection}")]);
            });
            let ran = self.run(command.arg(self.program).args(&self.arguments));
            let log = std::fs::read_to_string(log.path()).unwrap();
            // Threads take turns: the call that was met may be another's, on a pipe, which never fails so.
            let places = self.places().map(|place| place.display().to_string());
            let ours = |line: &str| line.contains("(INJECTED)") && places.iter().any(|place| line.contains(place));
            let hit = ran.status == 137 || log.lines().any(ours);
            hit.then_some(ran)
        };
        match fault {
            Fault::Kill(Point { call, number, .. }) => {
                strace(vec![format!("{call}:signal=KILL:when={number}")]).filter(|ran| ran.status == 137)
            }
            Fault::Error(Point { call, number, .. }, error) => {
                strace(vec![format!("{call}:error={error}:when={number}")])
            }
            Fault::Sticky(point, error) => {
                let from = |(call, number): &(String, usize)| format!("{call}:error={error}:when={number}+");
                strace(point.onwards.iter().map(from).collect())
            }
            Fault::Limit { bytes, ignored } => {
                let mut command = self.command("env");
                command.args(ignored.then_some("--ignore-signal=XFSZ"));
                command.args(["prlimit", "--core=0", &format!("--fsize={bytes}:{bytes}"), self.program]);
                let ran = self.run(command.args(&self.arguments));
                // SIGXFSZ, which is 25.
                (ran.status != 0).then_some(ran).filter(|ran| *ignored || ran.status == 153)
            }
        }
    }

    /// The places whose calls are of interest.
    pub fn places(&self) -> [PathBuf; 2] {
        [self.world.top().to_owned(), self.world.memory.path().to_owned()]
    }
}

//! A place to tell stories in: a repository, an operator, hosts with real SSH keys, and the real programs.

pub mod committer;
pub mod connect;
pub mod fleet;
pub mod forger;
pub mod forgery;
pub mod host;
pub mod http;
pub mod nobody;
pub mod page;
pub mod sshd;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A test for each system call at which a program is killed, so that they run side by side. Each calls the module's
/// `killed` with the call, the step from one number of it to the next, and how many kills there must be at least.
macro_rules! killed_at {
    ($name:ident: $($call:ident: every $step:literal, at least $least:literal;)*) => {
        mod $name {
            $(#[test] fn $call() { super::killed(stringify!($call), $step, $least); })*
        }
    };
}
pub(crate) use killed_at;

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let status = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { status, out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Demands success; gives standard output.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }

    /// Demands failure with an `error:` and a `hint:` line that hold these words.
    #[track_caller]
    pub fn bad(self, message: &str, hint: &str) -> String {
        assert_eq!(self.status, 1, "{self:?}");
        let line =
            |start: &str, part: &str| self.err.lines().any(|line| line.starts_with(start) && line.contains(part));
        assert!(line("error:", message), "no error with {message:?} in\n{}", self.err);
        assert!(line("hint:", hint), "no hint with {hint:?} in\n{}", self.err);
        self.err
    }
}

/// Runs a program that must be there.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S], input: &[u8]) -> Ran {
    run_command(Command::new(program).args(arguments), input)
}

#[track_caller]
pub fn run_command(command: &mut Command, input: &[u8]) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(|e| {
            panic!("{:?} does not start ({e}): run tests/run, which installs it", command.get_program())
        });
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    Ran::of(output)
}

pub fn pkeys_binary() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| program("pkeys", env!("CARGO_BIN_EXE_pkeys")))
}

pub fn activate_binary() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| program("pkeys-activate", &beside("pkeys-activate")))
}

/// The program of another crate of this workspace, which is built into the same directory.
fn beside(name: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_pkeys")).with_file_name(name);
    assert!(program.exists(), "{} is missing: run `cargo build` first", program.display());
    program.into_os_string().into_string().unwrap()
}

fn program(name: &str, built: &str) -> String {
    let Some(directory) = std::env::var_os("PKEYS_TEST_PROGRAMS") else { return built.to_owned() };
    let program = std::fs::canonicalize(PathBuf::from(directory).join(name));
    program.expect("the directory in PKEYS_TEST_PROGRAMS holds it").into_os_string().into_string().unwrap()
}

/// A repository with an operator, in a directory of its own that goes when dropped.
pub struct Sandbox {
    pub top: tempfile::TempDir,
}

impl Sandbox {
    /// An empty one.
    pub fn empty() -> Self {
        let top = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(top.path().join("repo")).unwrap();
        std::fs::create_dir(top.path().join("tmp")).unwrap();
        Self { top }
    }

    /// After `pkeys init --no-passphrase`.
    pub fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann"]).good();
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    pub fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// The operator's program, with nothing of the person's own environment.
    pub fn command(&self) -> Command {
        self.command_of(pkeys_binary())
    }

    /// Any program, in the same surroundings.
    pub fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.top.path())
            .env("USER", "ann")
            .env("TMPDIR", self.path("tmp"))
            .env("PKEYS_CONFIG_DIR", self.path("config"))
            .env("PKEYS_NO_KEYRING", "1")
            .current_dir(self.repo());
        command
    }

    #[track_caller]
    pub fn pkeys(&self, arguments: &[&str]) -> Ran {
        self.pkeys_with(arguments, b"")
    }

    #[track_caller]
    pub fn pkeys_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        run_command(self.command().args(arguments), input)
    }

    /// Runs `pkeys` on a terminal of its own and types these lines, each once it is asked for.
    #[track_caller]
    pub fn pkeys_typing(&self, arguments: &[&str], lines: &[&str]) -> Ran {
        self.typing(&format!("{} '{}'", pkeys_binary(), arguments.join("' '")), lines)
    }

    /// Starts a command line on a terminal of its own, with its keyboard and screen as pipes.
    #[track_caller]
    pub fn on_terminal(&self, line: &str) -> std::process::Child {
        let mut script = self.command_of("script");
        script.args(["-qec", line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        script.spawn().expect("tests/run installs it")
    }

    /// The same for any command line.
    #[track_caller]
    pub fn typing(&self, line: &str, lines: &[&str]) -> Ran {
        use std::io::Read;
        let mut child = self.on_terminal(line);
        let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut seen, mut lines, mut byte) = (Vec::new(), lines.iter(), [0]);
        while screen.read(&mut byte).is_ok_and(|n| n == 1) {
            seen.push(byte[0]);
            if asks(&seen) {
                // The prompt is printed before the echo is turned off.
                std::thread::sleep(std::time::Duration::from_millis(300));
                let Some(line) = lines.next() else { break };
                keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
            }
        }
        drop(keyboard);
        let mut ran = Ran::of(child.wait_with_output().expect("it ends"));
        ran.out = String::from_utf8_lossy(&seen).into_owned();
        ran
    }

    /// A host with a real SSH host key; gives the path of its private half.
    #[track_caller]
    pub fn host(&self, name: &str, more: &[&str]) -> PathBuf {
        let (private, public) = self.ssh_key(name, "ed25519");
        let mut arguments = vec!["host", "add", name, "--recipient", &public];
        arguments.extend(more);
        self.pkeys(&arguments).good();
        private
    }

    /// Writes `pkeys.toml` by hand, as a person would with an editor, and accepts what it says, if it can be read.
    #[track_caller]
    pub fn manifest(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.repo().join("pkeys.toml"), text).unwrap();
        let ran = self.pkeys(&["trust", "accept", "--all"]);
        assert!(ran.status == 0 || ran.err.contains("pkeys.toml"), "{ran:?}");
    }

    /// Accepts on this machine what the repository says.
    #[track_caller]
    pub fn accept(&self) {
        self.pkeys(&["trust", "accept", "--all"]).good();
    }

    /// A new SSH key: the private file and the public line.
    pub fn ssh_key(&self, name: &str, kind: &str) -> (PathBuf, String) {
        let private = self.path(&format!("{name}.key"));
        run("ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", name, "-f", private.to_str().unwrap()], b"").good();
        let public = std::fs::read_to_string(self.path(&format!("{name}.key.pub"))).unwrap();
        (private, public.trim().to_owned())
    }

    /// Sets a secret for some hosts.
    #[track_caller]
    pub fn secret(&self, name: &str, value: &[u8], hosts: &[&str]) {
        let mut arguments = vec!["secret", "set", name];
        hosts.iter().for_each(|host| arguments.extend(["--host", host]));
        self.pkeys_with(&arguments, value).good();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.repo().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The fleet's id in `pkeys.toml`.
    pub fn fleet_id(&self) -> String {
        let text = String::from_utf8(self.read("pkeys.toml")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("fleet = \""));
        line.expect("init writes one").chars().take_while(|c| *c != '"').collect()
    }

    /// The generation of a host's rendered bundle.
    #[track_caller]
    pub fn generation(&self, host: &str) -> u64 {
        let manifest: serde_json::Value =
            serde_json::from_slice(&self.read(&format!("bundles/{host}/manifest.json"))).unwrap();
        manifest["generation"].as_u64().unwrap()
    }

    /// Every file of the repository with its bytes, to see what a command changed.
    pub fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files_below(&self.repo()).into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
    }

    /// Demands that no file below the sandbox holds these bytes, other than those named.
    #[track_caller]
    pub fn nowhere(&self, bytes: &[u8], except: &[&Path]) {
        for path in files_below(self.top.path()).iter().filter(|path| !except.contains(&path.as_path())) {
            let content = std::fs::read(path).unwrap_or_default();
            let found = content.windows(bytes.len()).any(|window| window == bytes);
            assert!(!found, "plaintext in {}", path.display());
        }
    }

    /// Writes an executable shell script.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        executable(&path, &format!("#!/bin/sh\n{text}\n"));
        path
    }
}

/// Writes an executable file. Another program writes it: a process that another test forks meanwhile would inherit this
/// one's file, and nothing can be executed while some process has it open for writing (ETXTBSY).
pub fn executable(path: &Path, text: &str) {
    run("sh", &[OsStr::new("-c"), OsStr::new("cat > \"$0\" && chmod 755 \"$0\""), path.as_os_str()], text.as_bytes())
        .good();
}

/// Copies a program to a place where other users can run it; see [`executable`].
pub fn copy_program(from: impl AsRef<Path>, to: &Path) {
    run("cp", &[from.as_ref(), to], b"").good();
}

/// Whether the last line on a screen is a question.
fn asks(screen: &[u8]) -> bool {
    let line = screen.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let questions =
        ["Enter pass", "Passphrase for", "New passphrase", "The same again", "Value of", "Connect token", "Line "];
    line.ends_with(b"[y/N] ") || line.ends_with(b": ") && questions.iter().any(|q| line.starts_with(q.as_bytes()))
}

/// All regular files below a directory, sorted.
pub fn files_below(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => open.push(entry.path()),
                kind if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Whether the tests run as root; says so in one line where they do not.
pub fn root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: {what} (needs root)");
    }
    root
}

//! One `ssh` at work: its input is sent, its outputs are read, and it is ended where the other side sends too much or takes too
//! long.

use crate::base::{Error, Result, parallel};
use crate::bundle::transport::MAX_ANSWER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ExitStatus, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The most bytes of standard error, and how many of them are kept.
const MAX_ERRORS: usize = 1024 * 1024;
const KEPT_ERRORS: usize = 64 * 1024;
/// The largest log of `ssh`.
pub(super) const MAX_LOG: usize = 16 * 1024 * 1024;

/// How long the other side may take, besides what is sent: as `pkeys-activate` has it, 8 KiB a second.
const PATIENCE: Duration = Duration::from_secs(300);
const SLOWEST: u64 = 8 * 1024;

/// How long outputs are waited for once `ssh` has ended: programs of a `ProxyCommand` have them too, and may outlive it. And
/// how long an `ssh` that was told to end may take to end its own children.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is looked whether `ssh` has ended.
const STEP: Duration = Duration::from_millis(50);

/// Sends a started `ssh` some input and waits for its end.
///
/// # Errors
/// If the other side sends more than an answer may be long, or takes too long. Then `ssh` was ended.
pub(super) fn exchange(
    mut child: Child,
    log: Option<&Path>,
    send: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send,
) -> Result<Output> {
    let (input, start, sent) = (child.stdin.take(), Instant::now(), AtomicU64::new(0));
    // That the other side ended early is seen in what it answers.
    let send = || drop(input.map(|input| send(&mut Counted { input, sent: &sent })));
    let patience = patience();
    let collect = || {
        let left =
            || (patience + Duration::from_secs(sent.load(Ordering::Relaxed) / SLOWEST)).checked_sub(start.elapsed());
        let collected = collect(&mut child, log, &left);
        if collected.is_err() {
            end(&mut child);
        }
        collected
    };
    let ((), output) = parallel::both(send, collect);
    output.map_err(|problem| match problem {
        Problem::TooMuch(what, limit) => Error::new(format!("the host sent more than {limit} bytes {what}"))
            .hint("the connection was ended; does `ssh` to it print something without end?"),
        Problem::TooLong => Error::new(format!("the host did not answer within {} seconds", patience.as_secs()))
            .hint("the connection was ended; for a slow host: PKEYS_SSH_TIMEOUT=SECONDS"),
        Problem::Failed(kind) => Error::new(format!("ssh failed: {kind}")),
    })
}

/// `PKEYS_SSH_TIMEOUT`, in seconds.
fn patience() -> Duration {
    let set = std::env::var("PKEYS_SSH_TIMEOUT").ok().and_then(|seconds| seconds.parse().ok());
    set.filter(|seconds| (1..=86400).contains(seconds)).map_or(PATIENCE, Duration::from_secs)
}

enum Problem {
    /// More of something than this many bytes.
    TooMuch(&'static str, usize),
    TooLong,
    Failed(std::io::ErrorKind),
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.kind())
    }
}

fn collect(
    child: &mut Child,
    log: Option<&Path>,
    left: &dyn Fn() -> Option<Duration>,
) -> std::result::Result<Output, Problem> {
    let mut out = Stream::new(child.stdout.take(), "as its answer", MAX_ANSWER, MAX_ANSWER);
    let mut err = Stream::new(child.stderr.take(), "of messages", MAX_ERRORS, KEPT_ERRORS);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now() + GRACE));
        }
        match ended {
            Some((status, until)) if out.is_over() && err.is_over() || Instant::now() >= until => {
                return Ok(Output { status, stdout: out.bytes, stderr: err.bytes });
            }
            Some(_) => {}
            None if left().is_none() => return Err(Problem::TooLong),
            None => {}
        }
        if log.and_then(|log| log.metadata().ok()).is_some_and(|found| found.len() > MAX_LOG as u64) {
            return Err(Problem::TooMuch("into ssh's log", MAX_LOG));
        }
        wait(&out, &err)?;
        out.read()?;
        err.read()?;
    }
}

/// Waits for something to read, but not for long.
fn wait(out: &Stream<impl Read + AsFd>, err: &Stream<impl Read + AsFd>) -> std::io::Result<()> {
    let mut polled: Vec<_> = out.polled().into_iter().chain(err.polled()).collect();
    if polled.is_empty() {
        std::thread::sleep(STEP / 10);
        return Ok(());
    }
    let step = Timespec::try_from(STEP).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    match poll(&mut polled, Some(&step)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// An output, as far as it was read.
struct Stream<R> {
    from: Option<R>,
    bytes: Vec<u8>,
    read: usize,
    what: &'static str,
    limit: usize,
    kept: usize,
}

impl<R: Read + AsFd> Stream<R> {
    fn new(from: Option<R>, what: &'static str, limit: usize, kept: usize) -> Self {
        Self { from, bytes: Vec::new(), read: 0, what, limit, kept }
    }

    fn is_over(&self) -> bool {
        self.from.is_none()
    }

    fn polled(&self) -> Option<PollFd<'_>> {
        self.from.as_ref().map(|from| PollFd::new(from, PollFlags::IN))
    }

    /// Reads what is there now.
    fn read(&mut self) -> std::result::Result<(), Problem> {
        let Some(from) = &mut self.from else { return Ok(()) };
        let mut polled = [PollFd::new(&*from, PollFlags::IN)];
        let ready = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).map_err(std::io::Error::from)?;
        if ready == 0 {
            return Ok(());
        }
        let mut chunk = [0; 16 * 1024];
        match from.read(&mut chunk) {
            Ok(0) => self.from = None,
            Ok(read) => {
                self.read += read;
                let kept = self.kept.saturating_sub(self.bytes.len()).min(read);
                self.bytes.extend_from_slice(&chunk[..kept]);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
        if self.read > self.limit { Err(Problem::TooMuch(self.what, self.limit)) } else { Ok(()) }
    }
}

/// Ends `ssh`; on this signal it ends the program of a `ProxyCommand` too.
fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let until = Instant::now() + GRACE;
    while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(STEP / 10);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Counts what is sent.
struct Counted<'a, W> {
    input: W,
    sent: &'a AtomicU64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.input.write(bytes)?;
        self.sent.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.input.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::ssh;
    use std::process::Command;

    fn run(script: &str) -> Result<Output> {
        let mut command = Command::new("sh");
        ssh::output(command.args(["-c", script]), None, |_| Ok(()))
    }

    #[test]
    fn a_program_that_outlives_ssh_is_not_waited_for() {
        let output = run("sleep 600 > /dev/null < /dev/null & echo $!; exit 3").unwrap();
        assert_eq!(output.status.code(), Some(3));
        let pid = String::from_utf8(output.stdout).unwrap();
        let ended = Command::new("kill").arg(pid.trim()).status().unwrap();
        assert!(ended.success(), "it was waited for");
    }

    #[test]
    fn both_outputs_are_read_and_each_has_an_end() {
        let output = run("head -c 1000000 /dev/zero; head -c 100000 /dev/zero >&2").unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (1_000_000, KEPT_ERRORS));
        for (script, what) in [("exec cat /dev/zero", "as its answer"), ("exec cat /dev/zero >&2", "of messages")] {
            let error = run(script).unwrap_err();
            assert!(error.message().contains(what), "{error:?}");
        }
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exec cat /dev/zero > \"$0\""]).arg(log.path());
        let error = ssh::output(&mut command, Some(log.path()), |_| Ok(())).unwrap_err();
        assert!(error.message().contains("into ssh's log"), "{error:?}");
    }
}

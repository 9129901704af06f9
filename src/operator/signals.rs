//! What happens when a signal ends the program while it has plaintext in memory directories: they are removed first.

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

#[derive(Default)]
struct State {
    directories: Vec<PathBuf>,
    /// The program that has the terminal.
    child: Option<Pid>,
}

static STATE: Mutex<State> = Mutex::new(State { directories: Vec::new(), child: None });
static WATCHED: Once = Once::new();

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes a directory when SIGHUP, SIGINT, SIGQUIT or SIGTERM ends the program.
pub(super) fn remove_at_the_end(directory: &Path) {
    state().directories.push(directory.into());
    // Without it, the next run removes what this one left.
    WATCHED.call_once(|| drop(watch()));
}

/// The directory is gone.
pub(super) fn forget(directory: &Path) {
    state().directories.retain(|known| known != directory);
}

/// Runs a program that has the terminal while this one waits: Ctrl-C and Ctrl-\ are meant for that program, and what ends
/// this one ends it too.
///
/// # Errors
/// When it cannot be started.
pub fn run_in_front(command: &mut Command) -> std::io::Result<ExitStatus> {
    let mut child = {
        // A signal that comes right after the start must find the number.
        let mut state = state();
        let child = command.spawn()?;
        state.child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        child
    };
    let status = child.wait();
    state().child = None;
    status
}

fn watch() -> std::io::Result<()> {
    let ignored = ignored();
    let all = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(all)?;
    #[expect(clippy::disallowed_methods, reason = "it waits for signals, and handles no secret")]
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            // Held to the end, so that no directory is made meanwhile.
            let state = state();
            if state.child.is_some() && [SIGINT, SIGQUIT].contains(&signal) {
                continue;
            }
            for directory in &state.directories {
                let _ = std::fs::remove_dir_all(directory);
            }
            if let (Some(child), Some(signal)) = (state.child, Signal::from_named_raw(signal)) {
                let _ = kill_process(child, signal);
            }
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// The signals that this process was started to ignore, as `nohup` does: they stay ignored. A bit for each.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

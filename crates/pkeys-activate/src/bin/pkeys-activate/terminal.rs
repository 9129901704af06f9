//! The one place of `pkeys-activate` that prints.
//!
//! Names, reasons and answers come from bundles, specs, arguments and sockets: all text passes [`shown`] on its way out.
//! That nobody reads it, or that the disk of a log is full, must not change what was done.

use pkeys_bundle::base::{shown, usage};
use std::io::Write;

/// Prints a line of the result.
pub fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{}", shown(line)));
}

/// Prints a line about what is wrong to standard error.
pub fn complain(line: &str) {
    drop(writeln!(std::io::stderr(), "{}", shown(line)));
}

/// Prints what is wrong with the command line, or the help that was asked for. Returns the exit status.
pub fn explain(error: clap::Error) -> u8 {
    if !error.use_stderr() {
        drop(error.print());
        return 0;
    }
    // In lines that are fit for a terminal.
    drop(writeln!(std::io::stderr(), "{}", usage::explained(error).trim_end()));
    2
}

//! The one place of `pkeys` that prints.
//!
//! The contract: results go to standard output, everything else to standard error, questions to the terminal. Results
//! are plain when they go into a pipe, and JSON with `--json`. A reader that goes away ends the printing, not the work.
//! An error is one line, and its next step another. Nothing here is ever given a secret but [`Ui::secret`].
//!
//! All text passes [`shown`] on its way out: callers hand over names, reasons and answers as they got them. Colors are added afterwards.

use crate::base::{Error, SecretBytes, shown};
use crate::cli::args::Color;
pub(super) use crate::cli::tone::Tone;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

/// The terminal, as the options say.
pub(super) struct Ui {
    quiet: bool,
    verbose: bool,
    json: bool,
    color_out: bool,
    color_err: bool,
    /// Why a result could not be printed: a full disk, but not a reader that went away.
    unprinted: OnceLock<std::io::ErrorKind>,
}

impl Ui {
    pub(super) fn new(quiet: bool, verbose: bool, json: bool, color: Color) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let color_out = wanted(std::io::stdout().is_terminal()) && !json;
        Self {
            quiet,
            verbose,
            json,
            color_out,
            color_err: wanted(std::io::stderr().is_terminal()),
            unprinted: OnceLock::new(),
        }
    }

    /// Whether results are wanted as JSON.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    /// A line of the result. What was asked for is done all the same when it cannot be printed; see [`Self::printed`].
    pub(super) fn out(&self, line: &str) {
        self.words(&[(line, Tone::Plain)]);
    }

    /// Several lines of the result.
    pub(super) fn text(&self, lines: &str) {
        lines.lines().for_each(|line| self.out(line));
    }

    /// A line of the result, of words in their tones.
    pub(super) fn words(&self, words: &[(&str, Tone)]) {
        let line: String = words.iter().map(|(word, tone)| painted(word, *tone, self.color_out)).collect();
        if let Err(e) = writeln!(std::io::stdout().lock(), "{}", line.trim_end())
            && e.kind() != std::io::ErrorKind::BrokenPipe
        {
            self.unprinted.get_or_init(|| e.kind());
        }
    }

    /// Whether all results were printed, or given up by who read them: half of a list must not pass for all of it.
    ///
    /// # Errors
    /// When some were not.
    pub(super) fn printed(&self) -> crate::base::Result<()> {
        match self.unprinted.get() {
            None => Ok(()),
            Some(kind) => Err(Error::new(format!("the result could not be printed whole: {kind}"))
                .hint("what was to be done is done; to see it all, run it again with its output elsewhere")),
        }
    }

    /// What a command did, and to what: one line, or one object.
    pub(super) fn did(&self, done: &str, what: &impl std::fmt::Display) {
        if self.json {
            return self.out(&serde_json::json!({ "done": done, "what": what.to_string() }).to_string());
        }
        self.words(&[(done, Tone::Good), (&format!(" {what}"), Tone::Plain)]);
    }

    /// The result as JSON.
    pub(super) fn out_json(&self, value: &impl Serialize) {
        self.text(&serde_json::to_string_pretty(value).expect("results are plain data"));
    }

    /// A secret that the operator asked to see, byte for byte.
    pub(super) fn secret(&self, secret: &SecretBytes) -> crate::base::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(secret.expose()).and_then(|()| out.flush());
        written.map_err(|e| Error::new(format!("cannot print it: {}", e.kind())))
    }

    /// The lines in which two texts of a file differ, as a unified diff.
    pub(super) fn diff(&self, file: &str, old: &str, new: &str) {
        let diff = similar::TextDiff::from_lines(old, new);
        let text = diff.unified_diff().context_radius(3).header(&format!("a/{file}"), &format!("b/{file}")).to_string();
        for line in text.lines() {
            let tone = match line.as_bytes().first() {
                _ if line.starts_with("+++") || line.starts_with("---") => Tone::Bold,
                Some(b'+') => Tone::Good,
                Some(b'-') => Tone::Bad,
                Some(b'@') => Tone::Dim,
                _ => Tone::Plain,
            };
            self.words(&[(line, tone)]);
        }
    }

    /// Columns, each as wide as its widest cell.
    pub(super) fn table(&self, rows: &[Vec<(String, Tone)>]) {
        let wide = |cell: &str| shown(cell).chars().count();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| wide(&cell.0)).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in rows {
            let gap = |(number, cell): (usize, &(String, Tone))| " ".repeat(widths[number] - wide(&cell.0) + 2);
            let gaps: Vec<_> = row.iter().enumerate().map(gap).collect();
            let words =
                row.iter().zip(&gaps).flat_map(|((cell, tone), gap)| [(cell.as_str(), *tone), (gap, Tone::Plain)]);
            self.words(&words.collect::<Vec<_>>());
        }
    }

    /// A mistake in a file, with its place.
    pub(super) fn finding(&self, place: &str, (level, tone): (&str, Tone), message: &str) {
        self.words(&[(place, Tone::Plain), (": ", Tone::Plain), (level, tone), (&format!(": {message}"), Tone::Plain)]);
    }

    /// What to do about the line before.
    pub(super) fn hint(&self, hint: &str) {
        self.words(&[("  ", Tone::Plain), ("hint:", Tone::Good), (&format!(" {hint}"), Tone::Plain)]);
    }

    /// Something worth knowing, to standard error.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet && !self.json {
            self.err(&[(line, Tone::Plain)]);
        }
    }

    /// Something that only the curious want to know.
    pub(super) fn detail(&self, line: &str) {
        if self.verbose {
            self.note(line);
        }
    }

    /// Something that is probably wrong.
    pub(super) fn warn(&self, line: &str) {
        self.err(&[("warning:", Tone::Warn), (&format!(" {line}"), Tone::Plain)]);
    }

    /// What went wrong, and what to do next.
    pub(super) fn error(&self, error: &Error) {
        if self.json {
            return self.err(&[(&error_json(error).to_string(), Tone::Plain)]);
        }
        self.err(&[("error:", Tone::Bad), (&format!(" {error}"), Tone::Plain)]);
        if let Some(hint) = error.next_step() {
            self.err(&[("hint:", Tone::Good), (&format!(" {hint}"), Tone::Plain)]);
        }
    }

    fn err(&self, words: &[(&str, Tone)]) {
        let line: String = words.iter().map(|(word, tone)| painted(word, *tone, self.color_err)).collect();
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// A bar for work of `steps` steps, seen on a terminal only.
    pub(super) fn progress(&self, what: &'static str, steps: usize) -> ProgressBar {
        let hidden = self.quiet || self.json || !std::io::stderr().is_terminal() || steps < 2;
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}").expect("the template is right");
        ProgressBar::with_draw_target(Some(steps as u64), target)
            .with_style(style.progress_chars("=> "))
            .with_message(what)
    }
}

/// What is wrong before there is a [`Ui`], in lines that passed [`printable`](crate::base::printable) already.
pub(super) fn refused(lines: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", lines.trim_end());
}

fn painted(word: &str, tone: Tone, color: bool) -> String {
    let word = shown(word);
    if color && !matches!(tone, Tone::Plain) { tone.painted(&word) } else { word }
}

/// An error with its next step, as `--json` shows it everywhere.
pub(super) fn error_json(error: &Error) -> serde_json::Value {
    serde_json::json!({ "error": error.message(), "hint": error.next_step() })
}

/// `3 hosts`, `1 host`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

//! Reading one line from the terminal without echo, and leaving nothing of a paste behind for the shell.
//!
//! A terminal that can marks what is pasted (bracketed paste), so that all of it is read, however slowly it arrives. Of
//! other terminals, what follows the line at once is taken for the rest of a paste.

use crate::base::{SecretBytes, printable};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// What was typed or pasted.
#[derive(Debug)]
pub enum Typed {
    /// One line, without its end.
    Line(SecretBytes),
    /// Several lines: all were read, and none is kept.
    Several,
    /// Ctrl-C, Ctrl-D on an empty line, or the terminal went away.
    Nothing,
}

/// Longer than any line that is typed or pasted.
const LONGEST: usize = 1024 * 1024;
/// How long the rest of a paste may take to follow.
const GAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 150_000_000 };
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// Shows a question, which passes [`printable`], and reads the answer.
///
/// # Errors
/// If the terminal cannot be read or changed.
pub fn read(terminal: &mut File, question: &str) -> std::io::Result<Typed> {
    let marks = std::env::var("TERM").is_ok_and(|name| !name.is_empty() && name != "dumb");
    let hidden = Hidden::new(terminal.try_clone()?, marks)?;
    write!(terminal, "{}: ", printable(question))?;
    let typed = lines(terminal);
    drop(hidden);
    writeln!(terminal)?;
    typed
}

/// The terminal without echo, line editing and signals, until dropped.
struct Hidden {
    terminal: File,
    before: Termios,
    marks: bool,
}

impl Hidden {
    fn new(mut terminal: File, marks: bool) -> std::io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut now = before.clone();
        now.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        now.local_modes -= LocalModes::IEXTEN;
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Now, &now)?;
        if marks {
            let _ = terminal.write_all(b"\x1b[?2004h");
        }
        Ok(Self { terminal, before, marks })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if self.marks {
            let _ = self.terminal.write_all(b"\x1b[?2004l");
        }
        // What was not read is dropped.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn lines(terminal: &mut File) -> std::io::Result<Typed> {
    let mut line = Line::default();
    let mut chunk = Zeroizing::new([0; 1024]);
    while line.end.is_none() {
        match terminal.read(chunk.as_mut_slice()) {
            Ok(0) => line.end = Some(End::Cancelled),
            Ok(read) => chunk[..read].iter().for_each(|byte| line.take(*byte)),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    while line.end == Some(End::Enter) && follows(terminal)? {
        match terminal.read(chunk.as_mut_slice())? {
            0 => break,
            read => chunk[..read].iter().for_each(|byte| line.take(*byte)),
        }
    }
    Ok(match line.end {
        _ if line.several => Typed::Several,
        Some(End::Enter) => Typed::Line(line.text),
        _ => Typed::Nothing,
    })
}

/// Whether something comes in at once. Where a terminal cannot be polled (macOS), nothing.
fn follows(terminal: &File) -> std::io::Result<bool> {
    let mut polled = [PollFd::new(terminal, PollFlags::IN)];
    poll(&mut polled, Some(&GAP))?;
    Ok(polled[0].revents().contains(PollFlags::IN))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Enter,
    Cancelled,
}

/// A line as it comes in, byte by byte.
#[derive(Default)]
struct Line {
    text: SecretBytes,
    /// An escape sequence that is not complete.
    escape: Vec<u8>,
    pasting: bool,
    /// A line end was seen, in a paste or as Enter.
    ended: bool,
    /// Something follows the line's end.
    several: bool,
    end: Option<End>,
}

impl Line {
    fn take(&mut self, byte: u8) {
        if byte == 0x1b || !self.escape.is_empty() {
            return self.take_escape(byte);
        }
        match byte {
            b'\r' | b'\n' => {
                self.ended = true;
                if !self.pasting {
                    self.end = self.end.or(Some(End::Enter));
                }
            }
            _ if self.ended || self.text.len() >= LONGEST => self.several = true,
            _ if self.pasting => self.text.extend(&[byte]),
            0x03 => self.end = Some(End::Cancelled),
            0x04 if self.text.is_empty() => self.end = Some(End::Cancelled),
            0x04 => self.end = Some(End::Enter),
            0x7f | 0x08 => self.text = SecretBytes::copy_of(without_last(self.text.expose())),
            0x15 => self.text = SecretBytes::default(),
            _ => self.text.extend(&[byte]),
        }
    }

    /// Keys such as the arrows have no meaning here, and are not a part of the line.
    fn take_escape(&mut self, byte: u8) {
        self.escape.push(byte);
        let done = match &self.escape[..] {
            [0x1b] | [0x1b, b'[' | b'O'] => false,
            [0x1b, b'[', rest @ ..] => rest.last().is_some_and(|last| (0x40..=0x7e).contains(last)) || rest.len() > 16,
            _ => true,
        };
        if !done {
            return;
        }
        match &self.escape[..] {
            PASTE_BEGINS => self.pasting = true,
            PASTE_ENDS => {
                self.pasting = false;
                // As typed: a line that was pasted with its end is complete.
                if self.ended {
                    self.end = self.end.or(Some(End::Enter));
                }
            }
            _ => {}
        }
        self.escape.clear();
    }
}

/// Without the last character.
fn without_last(text: &[u8]) -> &[u8] {
    let start = text.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
    &text[..start]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Line {
        let mut line = Line::default();
        bytes.iter().for_each(|byte| line.take(*byte));
        line
    }

    #[test]
    fn one_line_is_taken_with_its_edits_and_several_are_not() {
        for (bytes, text) in [
            (&b"hunter2\n"[..], &b"hunter2"[..]),
            (b"hu\x7fx\xc3\xa9\x7f\x1b[Dy\r", b"hxy"),
            (b"wrong\x15right\n\n", b"right"),
            (b"\x1b[200~pasted\x1b[201~\n", b"pasted"),
            (b"\x1b[200~pasted\r\x1b[201~", b"pasted"),
            (b"a\x1b[200~b\x03\x04c\x1b[201~d\n", b"ab\x03\x04cd"),
            (b"\n", b""),
        ] {
            let line = typed(bytes);
            assert_eq!((line.end, line.several, line.text.expose()), (Some(End::Enter), false, text));
        }
        for bytes in [&b"a\nb"[..], b"a\n\nb\n", b"\x1b[200~a\nb\x1b[201~", b"\x1b[200~a\n\x1b[201~b\n"] {
            assert!(typed(bytes).several, "{bytes:?}");
        }
        assert_eq!(typed(b"\x1b[200~a\nb\n").end, None);
        assert_eq!((typed(b"abc\x03").end, typed(b"\x04").end), (Some(End::Cancelled), Some(End::Cancelled)));
    }
}

//! The header of an age file: bounded before the `age` crate parses it, and checked where that crate is laxer than the
//! specification.

use crate::base::{Error, Result};
use age::Decryptor;
use std::io::{BufRead, Read};

/// The most stanzas of a header: more than twice as many as the largest fleet that pkeys is tested with has recipients.
pub(super) const MAX_STANZAS: usize = 2048;

/// The largest header, in bytes. 1000 stanzas of the largest kind, which are post-quantum, take 1.6 MB; 1000 of RSA keys
/// with 4096 bits take 0.7 MB.
pub(super) const MAX_HEADER: usize = 4 * 1024 * 1024;

/// The columns of a full line of a stanza's body.
const COLUMNS: usize = 64;

/// Parses the header of a binary age file.
///
/// # Errors
/// If it is not an age file, or its header is larger than [`MAX_HEADER`] or has more than [`MAX_STANZAS`] stanzas.
pub(super) fn open(file: &[u8]) -> Result<Decryptor<HeaderFirst<'_>>> {
    let broken = || Error::new("it is not an age file");
    let (header, rest) = file.split_at(measure(file)?);
    let decryptor = Decryptor::new_buffered(HeaderFirst { header, rest }).map_err(|_| broken())?;
    if stanzas_end(file) { Ok(decryptor) } else { Err(broken()) }
}

/// Returns the length of the header, its last line included.
///
/// # Errors
/// As [`open`].
pub(super) fn measure(file: &[u8]) -> Result<usize> {
    let (mut length, mut stanzas) = (0, 0);
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        stanzas += usize::from(line.starts_with(b"->"));
        if length > MAX_HEADER || stanzas > MAX_STANZAS {
            let limits = format!("{MAX_STANZAS} recipients or {} MiB", MAX_HEADER / 1024 / 1024);
            return Err(Error::new(format!("its header has more than {limits}")).hint("encrypt it to fewer recipients"));
        }
        if line.starts_with(b"---") {
            return Ok(length);
        }
    }
    Err(Error::new("it is not an age file"))
}

/// An age file whose header is handed over whole.
///
/// The `age` crate (0.11.5) reads a header line by line and parses all of it again after each: a quadratic number of
/// steps, 25 seconds for 784 KB. With the whole header as the first "line", it is parsed once.
pub(super) struct HeaderFirst<'a> {
    header: &'a [u8],
    rest: &'a [u8],
}

impl Read for HeaderFirst<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.header.is_empty() { self.rest.read(buffer) } else { self.header.read(buffer) }
    }
}

impl BufRead for HeaderFirst<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        Ok(if self.header.is_empty() { self.rest } else { self.header })
    }

    fn consume(&mut self, amount: usize) {
        if self.header.is_empty() { self.rest.consume(amount) } else { self.header.consume(amount) }
    }

    fn read_until(&mut self, byte: u8, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
        if self.header.is_empty() {
            return self.rest.read_until(byte, buffer);
        }
        let header = std::mem::take(&mut self.header);
        buffer.extend_from_slice(header);
        Ok(header.len())
    }
}

/// Whether every stanza ends with a body line that is not full, empty if need be: without it one file has two readings.
///
/// The `age` crate (0.12.1) takes files that lack it. Everything else of the header it checks itself.
pub(super) fn stanzas_end(file: &[u8]) -> bool {
    let mut lines = file.split(|byte| *byte == b'\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with(b"->") {
            return line.starts_with(b"---");
        }
        while lines.peek().is_some_and(|line| line.len() == COLUMNS && !line.starts_with(b"-")) {
            lines.next();
        }
        let last = lines.next();
        if last.is_none_or(|line| line.len() > COLUMNS || line.starts_with(b"-")) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stanza_ends_with_a_short_line() {
        let full = "A".repeat(64);
        for (stanzas, good) in [
            ("-> X25519 a\nAAAA\n".to_owned(), true),
            ("-> a\n\n".to_owned(), true),
            (format!("-> a\n{full}\n\n"), true),
            (format!("-> a\n{full}\nAA\n-> b\n\n"), true),
            ("-> a\n".to_owned(), false),
            (format!("-> a\n{full}\n"), false),
            (format!("-> a\nAA\n-> b\n{full}\n"), false),
            ("-> a\nAA\nAA\n".to_owned(), false),
            (format!("-> a\n---{}\nAA\n", &full[3..]), false),
        ] {
            let file = format!("age-encryption.org/v1\n{stanzas}--- mac\npayload\n->");
            assert_eq!(stanzas_end(file.as_bytes()), good, "{stanzas}");
        }
    }

    #[test]
    fn a_header_is_measured_to_its_last_line_and_no_further_than_its_limits() {
        let file = |stanza: &str, count: usize| format!("age-encryption.org/v1\n{}--- mac\n", stanza.repeat(count));
        let good = file("-> a\n\n", MAX_STANZAS);
        assert_eq!(measure(format!("{good}-> payload\n---").as_bytes()).unwrap(), good.len());
        let line = "A".repeat(64) + "\n";
        let large = format!("-> a\n{}\n", line.repeat(MAX_HEADER / 65 + 1));
        for (stanza, count) in [("-> a\n\n", MAX_STANZAS + 1), (large.as_str(), 1)] {
            let error = measure(file(stanza, count).as_bytes()).unwrap_err();
            assert_eq!(error.message(), "its header has more than 2048 recipients or 4 MiB");
        }
        assert_eq!(measure(b"age-encryption.org/v1\n-> a\n").unwrap_err().message(), "it is not an age file");
    }
}

//! Bodies, coming in and going out, in memory that is wiped.

use crate::base::SecretBytes;
use reqwest::blocking::Response;
use std::io::Read;
use std::time::Instant;

/// Reads the body of an answer, at most `limit` bytes and until `deadline`.
pub(super) fn read_all(response: Response, deadline: Instant, limit: usize) -> std::io::Result<SecretBytes> {
    let expected = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(16 * 1024);
    SecretBytes::read_from(&mut Until { response, deadline }, expected, limit)
}

/// The library's time limit begins anew with each read; this one does not.
struct Until {
    response: Response,
    deadline: Instant,
}

impl Read for Until {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if Instant::now() > self.deadline {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.response.read(into)
    }
}

/// A body on its way out; its memory is wiped.
pub(super) struct Outgoing {
    json: SecretBytes,
    sent: usize,
}

impl Outgoing {
    pub(super) fn new(json: SecretBytes) -> Self {
        Self { json, sent: 0 }
    }
}

impl Read for Outgoing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = (&self.json.expose()[self.sent..]).read(into)?;
        self.sent += count;
        Ok(count)
    }
}

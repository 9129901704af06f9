//! Standard input to a socket, and its answer back.

use crate::asked;
use crate::terminal::say;
use pkeys_activate::Asked;
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::transport::MAX_ANSWER;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Hands standard input to the socket that was asked for, and prints its answer.
pub fn forward(socket: &Path, report_socket: &Path) -> Result<u8> {
    let asked = asked()?;
    let socket = if asked == Asked::Report { report_socket } else { socket };
    let failed = |doing: &'static str| move |e: std::io::Error| Error::io(doing, socket, &e);
    let stream = UnixStream::connect(socket).map_err(failed("connect to"))?;
    // In a thread of its own: the other side may answer before all is sent, and the answer ends it.
    let mut to = stream.try_clone().map_err(failed("write to"))?;
    #[expect(clippy::disallowed_methods, reason = "what is forwarded is encrypted")]
    std::thread::spawn(move || {
        // Only a bundle has anything to send. That the other side ended early is seen in its answer.
        if asked == Asked::Receive {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut to);
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let mut answer = Vec::new();
    (&stream).take(MAX_ANSWER as u64 + 1).read_to_end(&mut answer).map_err(failed("read from"))?;
    if answer.is_empty() {
        return Err(Error::new(format!("no answer from {}", socket.display())).hint(
            "too many pushes at once, or the unit failed: try again, or look at `journalctl -u 'pkeys-*'` there",
        ));
    }
    if answer.len() > MAX_ANSWER {
        return Err(Error::new(format!("the answer from {} is larger than {MAX_ANSWER} bytes", socket.display())));
    }
    String::from_utf8_lossy(&answer).lines().for_each(say);
    Ok(0)
}

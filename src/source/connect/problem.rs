//! Errors of the conversation with Connect: what is wrong, and what to do.

use super::address::Address;
use super::model::shown;
use super::retry::Failure;
use crate::base::Error;
use std::error::Error as _;
use std::io;

/// A request that came to nothing.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) error: Error,
}

impl Failed {
    fn new(failure: Failure, message: String, hint: &str) -> Self {
        Self { failure, error: Error::new(message).hint(hint) }
    }

    /// Whether every other request would come to nothing as well. A server that hangs is waited for once, not once for
    /// each item.
    pub(super) fn concerns_all(&self) -> bool {
        use Failure::{Distrusted, Status, TimedOut, Unreachable};
        matches!(self.failure, Unreachable | Distrusted | TimedOut | Status(401, _))
    }

    /// Whether it may be the server's failure and not that of what was asked for.
    pub(super) fn may_concern_all(&self) -> bool {
        use Failure::{CutShort, Status};
        self.concerns_all() || matches!(self.failure, CutShort | Status(408 | 429 | 500.., _))
    }

    /// Whether what was asked for by its id is not there.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self.failure, Failure::Status(400 | 404, _))
    }
}

/// The request could not be sent, or nothing came back.
pub(super) fn sending(to: &Address, error: &reqwest::Error) -> Failed {
    if let Some(why) = distrust(error) {
        let message = format!("the certificate of {to} is not trusted: {}", shown(&why));
        let hint = "if you know the CA that signed it: `pkeys login --ca-file FILE` trusts it on this machine";
        return Failed::new(Failure::Distrusted, message, hint);
    }
    const START: &str = "start the Connect server, or check OP_CONNECT_HOST and the source's url in pkeys.toml";
    if error.is_connect() || error.is_dns() {
        let why = if error.is_dns() {
            "the name is not known"
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            match io_kind(error) {
                Some(io::ErrorKind::ConnectionRefused) => "nothing listens there",
                Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => "there is no way to it",
                _ => "the connection failed",
            }
        };
        return Failed::new(Failure::Unreachable, format!("cannot reach 1Password Connect at {to}: {why}"), START);
    }
    if error.is_timeout() { too_slow(to) } else { cut_short(to) }
}

/// The body could not be read to its end.
pub(super) fn reading(from: &Address, error: &io::Error) -> Failed {
    let timed_out =
        error.get_ref().and_then(|e| e.downcast_ref::<reqwest::Error>()).is_some_and(reqwest::Error::is_timeout);
    match error.kind() {
        io::ErrorKind::FileTooLarge => Failed::new(
            Failure::Final,
            format!("the answer of {from} is larger than a 1Password item or file may be"),
            "check OP_CONNECT_HOST and the source's url in pkeys.toml; keep large files elsewhere",
        ),
        io::ErrorKind::TimedOut => too_slow(from),
        _ if timed_out => too_slow(from),
        _ => cut_short(from),
    }
}

fn too_slow(at: &Address) -> Failed {
    let hint = "look whether the Connect server is well, and run it again";
    Failed::new(Failure::TimedOut, format!("1Password Connect at {at} did not answer in time"), hint)
}

/// The connection or the answer ended before it was whole.
pub(super) fn cut_short(from: &Address) -> Failed {
    let hint = "look at the log of the Connect server and of what is in between, and run it again";
    Failed::new(Failure::CutShort, format!("the answer of 1Password Connect at {from} was cut short"), hint)
}

/// So many requests in a row were given up that the server itself must be unwell. The last of them stands for all.
pub(super) fn all_in_vain(requests: u32, last: &Failed) -> Failed {
    let message = format!("{requests} requests in a row came to nothing, no more were sent; the last: {}", last.error);
    Failed { error: Error::new(message).hint(last.error.next_step().unwrap_or_default()), ..*last }
}

/// The answer is none that Connect gives; `how` says what is odd about it.
pub(super) fn stranger(at: &Address, how: &str) -> Failed {
    let hint = "check OP_CONNECT_HOST and the source's url in pkeys.toml: another program may answer there";
    Failed::new(Failure::Final, format!("{at} did not answer as 1Password Connect does: {how}"), hint)
}

/// An answer that sends us elsewhere; nobody goes there, least of all with the token.
pub(super) fn redirect(at: &Address, status: u16, location: Option<&str>) -> Failed {
    let place =
        location.map_or("another place".to_owned(), |to| shown(to.split(['?', '#']).next().unwrap_or_default()));
    let message = format!("{at} points to {place}, which was not followed");
    let hint = "set OP_CONNECT_HOST or the source's url to where the Connect server itself is";
    Failed::new(Failure::Status(status, None), message, hint)
}

/// An answer with a status that means failure; `said` is Connect's own message.
pub(super) fn status(at: &Address, status: u16, asked: &str, said: Option<&str>, again_after: Option<u64>) -> Failed {
    const LOG: &str = "look at the log of the Connect server, and run it again";
    let (message, hint) = match status {
        401 => (
            format!("1Password Connect at {at} refused the token"),
            "it has expired, was revoked, or is for another server: make a new one in 1Password, then store it with `pkeys login`, or set OP_CONNECT_TOKEN to it",
        ),
        403 => (
            format!("1Password Connect at {at} denied {asked}"),
            "give the token access to the vault in 1Password, or store another token with `pkeys login`",
        ),
        400 | 404 if said.is_some() => (
            format!("1Password Connect at {at} does not know {asked}"),
            "look in 1Password whether it is still there, and run it again in a moment: Connect may lag behind",
        ),
        408 => (
            format!("1Password Connect at {at} has not finished its first sync"),
            "wait a minute, and run it again; if it stays so, look at the log of connect-sync",
        ),
        429 => (format!("1Password Connect at {at} is asked too often"), "wait a minute, and run it again"),
        500.. => (format!("1Password Connect at {at} failed with status {status} when asked for {asked}"), LOG),
        _ => return stranger_status(at, status, said),
    };
    let message = said.map_or(message.clone(), |said| format!("{message}: {}", shown(said)));
    Failed::new(Failure::Status(status, again_after), message, hint)
}

/// The answer to a change with a status that means failure. What Connect said is repeated only where it speaks of the
/// token: elsewhere it may quote what was sent.
pub(super) fn status_of_change(
    at: &Address,
    status: u16,
    asked: &str,
    said: Option<&str>,
    again_after: Option<u64>,
) -> Failed {
    let read_only = said.is_some_and(|said| said.contains("write access"));
    let (failure, message, hint) = match status {
        401 | 403 if read_only => (
            Failure::Final,
            format!("the token may not write: 1Password Connect at {at} denied {asked}"),
            "make a token with write access to that vault in 1Password, then store it with `pkeys login`, or set OP_CONNECT_TOKEN to it",
        ),
        401 | 403 => return self::status(at, status, asked, said, again_after),
        404 => (
            Failure::Status(status, None),
            format!("1Password Connect at {at} does not know what it takes for {asked}"),
            "look in 1Password whether the vault and the item are still there, and run it again",
        ),
        409 => (
            Failure::Status(status, None),
            format!("1Password Connect at {at} had another change at the time of {asked}"),
            "nobody else should change the item meanwhile; run it again",
        ),
        400 | 413 | 422 => (
            Failure::Status(status, None),
            format!("1Password Connect at {at} refused {asked} with status {status}"),
            "look at the log of the Connect server",
        ),
        _ => return self::status(at, status, asked, None, again_after),
    };
    Failed::new(failure, message, hint)
}

/// A change was taken, and cannot be seen.
pub(super) fn not_shown(at: &Address, asked: &str) -> Error {
    Error::new(format!("1Password Connect at {at} does not show {asked}, so it is not known whether it is stored"))
        .hint("look at the log of connect-sync, and run it again: that is safe")
}

fn stranger_status(at: &Address, status: u16, said: Option<&str>) -> Failed {
    let how = said.map_or(format!("status {status}"), |said| format!("status {status}: {}", shown(said)));
    Failed { failure: Failure::Status(status, None), ..stranger(at, &how) }
}

/// What TLS has against the server, if that is why it failed.
fn distrust(error: &reqwest::Error) -> Option<String> {
    causes(error).filter_map(|cause| cause.downcast_ref::<rustls::Error>()).find_map(|tls| match tls {
        rustls::Error::InvalidCertificate(_) => Some(tls.to_string()),
        _ => None,
    })
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    // An io::Error that wraps another error leaves it out of its sources.
    std::iter::successors(error.source(), |&cause| {
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        }
    })
}

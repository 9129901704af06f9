//! The agent that `ssh` talks to while it proves something: in this process, for one connection.
//!
//! After the key exchange, and after it has verified the host key, OpenSSH tells its agent which host signed the session
//! (`session-bind@openssh.com`, OpenSSH 8.9). From that moment all that the other side says comes through the encrypted
//! channel to that host: a request for a signature means that the host accepted the public key, and what `ssh` writes
//! into its log from then on cannot be the words of anybody in between.

use crate::base::process;
use crate::remote::key::LoginKey;
use crate::remote::target::HostKeys;
use crate::remote::wire::{self, Bind, LoginRequest, Request, Sign};
use ssh_key::public::KeyData;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What the agent is for.
pub(super) enum Role<'a> {
    /// Only sees which host it is.
    Look,
    /// Has one key, for one user.
    Key {
        /// The key.
        key: &'a LoginKey,
        /// The user.
        user: &'a str,
        /// The signature algorithm that is tried.
        algorithm: &'a str,
    },
    /// Passes everything on to the operator's own agent.
    Operator,
}

/// What was seen.
#[derive(Default)]
pub(super) struct Witnessed {
    /// The session's host, once it is proven to be an accepted one, and how long the log was then.
    pub bound: Option<(KeyData, u64)>,
    /// Whether the host accepted the public key.
    pub accepted: bool,
    /// Whether `ssh` said whom it talks to, and that was not proven.
    pub rejected: bool,
    /// Whether `ssh` asked for keys without saying whom it talks to.
    pub silent: bool,
}

/// One agent.
pub(super) struct Witness<'a> {
    pub role: Role<'a>,
    pub keys: &'a HostKeys,
    /// The log of the `ssh` in question.
    pub log: &'a Path,
    /// Finds the operator's own agent.
    pub operator: &'a (dyn Fn() -> Option<PathBuf> + Sync),
    found: OnceLock<Option<PathBuf>>,
    state: Mutex<State>,
}

/// What the threads of one agent share.
#[derive(Default)]
struct State {
    seen: Witnessed,
    session: Option<Bind>,
    ended: bool,
    streams: Vec<UnixStream>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(
        role: Role<'a>,
        keys: &'a HostKeys,
        log: &'a Path,
        operator: &'a (dyn Fn() -> Option<PathBuf> + Sync),
    ) -> Self {
        Self { role, keys, log, operator, found: OnceLock::new(), state: Mutex::default() }
    }

    /// Answers everybody who connects, until the other end of `stop` is closed. `pid` is the `ssh` in question. Newer
    /// versions of it hand the socket down to the `ssh` of a jump host: others get the operator's own agent, and prove
    /// nothing.
    #[expect(clippy::disallowed_methods, reason = "a thread for each connection; each wipes its stack")]
    pub(super) fn serve(&self, listener: &UnixListener, stop: &UnixStream, pid: u32) {
        std::thread::scope(|scope| {
            while let Some((stream, _)) = wait(listener, stop).then(|| listener.accept().ok()).flatten() {
                let ours = peer(&stream) == Some(pid);
                self.keep(&stream);
                scope.spawn(move || process::wiping(|| self.converse(stream, ours)));
            }
            self.end();
        });
    }

    /// Ends all conversations.
    fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        for stream in std::mem::take(&mut state.streams) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// What was seen.
    pub(super) fn seen(self) -> Witnessed {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).seen
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a stream, so that it ends when this agent does.
    fn keep(&self, stream: &UnixStream) {
        let Ok(copy) = stream.try_clone() else { return };
        let mut state = self.state();
        if state.ended {
            let _ = copy.shutdown(Shutdown::Both);
        }
        state.streams.push(copy);
    }

    fn converse(&self, mut stream: UnixStream, ours: bool) -> Option<()> {
        let mut upstream = (!ours || matches!(self.role, Role::Operator)).then(|| self.upstream()).flatten();
        while let Some(body) = wire::read(&mut stream) {
            let request = Request::parse(&body).unwrap_or(Request::Other);
            let own = if ours { self.hear(&request) } else { nothing(&request) };
            let answer = match &mut upstream {
                Some(upstream) => wire::write(upstream, &body).and_then(|()| wire::read(upstream))?,
                None => own,
            };
            wire::write(&mut stream, &answer)?;
        }
        Some(())
    }

    /// A connection to the operator's own agent.
    fn upstream(&self) -> Option<UnixStream> {
        let path = self.found.get_or_init(self.operator).as_ref()?;
        let stream = UnixStream::connect(path).ok()?;
        self.keep(&stream);
        Some(stream)
    }

    /// Notes what the `ssh` in question says, and answers.
    fn hear(&self, request: &Request) -> Vec<u8> {
        match request {
            Request::Bind(bind) => self.bind(bind),
            Request::Identities => self.identities(),
            Request::Sign(sign) => self.sign(sign),
            Request::Other => None,
        }
        .unwrap_or_else(wire::failure)
    }

    /// `ssh` waits for the answer: what is in its log by now is older than the proof, all else is newer.
    fn bind(&self, bind: &Bind) -> Option<Vec<u8>> {
        let length = std::fs::metadata(self.log).ok().map(|log| log.len());
        let proven = bind.proven().filter(|key| !bind.forwarding && self.keys.accept(key)).zip(length);
        let mut state = self.state();
        if let Some(proven) = proven.filter(|_| state.session.is_none() && !state.seen.rejected) {
            state.seen.bound = Some(proven);
            state.session = Some(bind.clone());
            return Some(wire::success());
        }
        // Also when it is a second session: which one the log is about would not be known.
        state.seen = Witnessed { rejected: true, ..Witnessed::default() };
        state.session = None;
        None
    }

    fn identities(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        state.seen.silent |= state.session.is_none() && !state.seen.rejected;
        match &self.role {
            Role::Key { key, .. } if state.session.is_some() => wire::identities(&[&key.blob().ok()?]),
            _ => wire::identities(&[]),
        }
    }

    /// Signs a login of this user in this session, and nothing else.
    fn sign(&self, sign: &Sign) -> Option<Vec<u8>> {
        let Role::Key { key, user, .. } = &self.role else { return None };
        let (request, blob) = (LoginRequest::parse(&sign.data)?, key.blob().ok()?);
        {
            let mut state = self.state();
            let session = state.session.as_ref()?;
            let same = request.session == session.session
                && request.user == user.as_bytes()
                && request.key == blob
                && sign.key == blob
                && request.host_key.is_none_or(|host_key| host_key == session.host_key);
            if !same {
                return None;
            }
            state.seen.accepted = true;
        }
        wire::signed(&key.sign(&sign.data, sign.flags)?)
    }
}

/// Waits for a connection; false when `stop` was closed.
fn wait(listener: &UnixListener, stop: &UnixStream) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let mut both = [listener.as_fd(), stop.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut both, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return false,
            Ok(_) => return both[1].any() == Some(false),
        }
    }
}

/// The answer of an agent without keys.
fn nothing(request: &Request) -> Vec<u8> {
    let none = matches!(request, Request::Identities).then(|| wire::identities(&[])).flatten();
    none.unwrap_or_else(wire::failure)
}

/// The process at the other end.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer(stream: &UnixStream) -> Option<u32> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(stream, PeerCredentials).ok().and_then(|peer| u32::try_from(peer.pid()).ok())
}

/// The process at the other end.
#[cfg(target_vendor = "apple")]
fn peer(stream: &UnixStream) -> Option<u32> {
    use nix::sys::socket::{getsockopt, sockopt::LocalPeerPid};
    getsockopt(stream, LocalPeerPid).ok().and_then(|pid| u32::try_from(pid).ok())
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;

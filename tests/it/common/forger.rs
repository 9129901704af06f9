//! Somebody on the way to a host, who has no key of it and prints what a proof might be taken from.

use crate::common::sshd::free_port;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is done to a connection.
#[derive(Clone)]
pub enum Attack {
    /// Prints lines before the version string, then passes everything on to the host.
    Before(String),
    /// Prints lines instead of a version string.
    Instead(String),
    /// Sends packets of the time before the key exchange, with whole lines in their texts: a debug message, a disconnect.
    Packets(String),
    /// Passes everything on to another server.
    Elsewhere(u16),
}

/// A TCP proxy before a host's sshd; ends when dropped.
pub struct Forger {
    pub port: u16,
    ended: Arc<AtomicBool>,
}

impl Forger {
    /// Passes the first `honest` connections on to the host, and attacks the others.
    pub fn new(host: u16, honest: usize, attack: impl Fn() -> Attack + Send + 'static) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let forger = Self { port, ended: ended.clone() };
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().filter_map(Result::ok).enumerate() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let attack = (number >= honest).then(&attack);
                std::thread::spawn(move || drop(serve(stream, host, attack)));
            }
        });
        forger
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(mut client: TcpStream, host: u16, attack: Option<Attack>) -> std::io::Result<()> {
    match attack {
        None => pass(client, host),
        Some(Attack::Elsewhere(other)) => pass(client, other),
        Some(Attack::Before(lines)) => {
            client.write_all(lines.replace('\n', "\r\n").as_bytes())?;
            pass(client, host)
        }
        Some(Attack::Instead(lines)) => client.write_all(lines.replace('\n', "\r\n").as_bytes()),
        Some(Attack::Packets(lines)) => {
            client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?;
            let text = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
            // Each text is cut after 900 and 400 bytes: one line to a packet.
            for line in lines.lines() {
                let line = format!("x\n{line}\nx");
                client.write_all(&packet(&[&[4, 1][..], &text(&line), &text("")].concat()))?;
            }
            let last = lines.lines().last().unwrap_or_default();
            client.write_all(&packet(&[&[1, 0, 0, 0, 2][..], &text(&format!("x\n{last}\nx")), &text("")].concat()))?;
            client.shutdown(Shutdown::Write)?;
            client.read_to_end(&mut Vec::new()).map(drop)
        }
    }
}

/// A packet without encryption (RFC 4253, section 6).
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 + (8 - (payload.len() + 5) % 8) % 8;
    let length = u32::try_from(payload.len() + 1 + padding).unwrap();
    [&length.to_be_bytes()[..], &[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat()
}

fn pass(client: TcpStream, port: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let upstream = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = upstream.join();
    Ok(())
}

//! A real sshd.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// An sshd on a port of the loopback, stopped when dropped.
pub struct Sshd {
    child: Child,
    pub port: u16,
}

impl Sshd {
    /// On a free port, with this host key, and these settings more: `StrictModes=no`.
    pub fn start(directory: &Path, key: &Path, settings: &[&str]) -> Self {
        Self::on(free_port(), directory, key, settings)
    }

    /// The same on a given port. Its log and its process id go into the directory.
    pub fn on(port: u16, directory: &Path, key: &Path, settings: &[&str]) -> Self {
        let _ = std::fs::create_dir_all("/run/sshd");
        let log = directory.join("sshd.log");
        let mut command = Command::new("/usr/sbin/sshd");
        command
            .args(["-D", "-e", "-f", "/dev/null", "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no"])
            .args(["-o", &format!("Port={port}"), "-o", &format!("PidFile={}/sshd.pid", directory.display())])
            .arg("-h")
            .arg(key);
        for setting in settings {
            command.args(["-o", setting]);
        }
        command.stdin(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        let sshd = Self { child: command.spawn().expect("sshd is installed by tests/run"), port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return sshd;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("sshd does not answer: {}", std::fs::read_to_string(&log).unwrap_or_default());
    }

    /// Has it read its keys and settings again, as `systemctl reload` does.
    pub fn reload(&self) {
        Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
    }
}

/// A port that nobody has: below those that the kernel gives to connections, and never twice in a test.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let start = RandomState::new().hash_one(std::process::id()) % 12_000;
    let mut all = (0..12_000).map(|number| 20_000 + u16::try_from((start + number) % 12_000).unwrap());
    let port = all.find(|port| !given.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
    given.insert(port);
    port
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A real sshd.

use super::Sandbox;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// An sshd on a free port of the loopback, stopped when dropped.
pub struct Sshd {
    child: Child,
    pub port: u16,
}

impl Sshd {
    /// With this host key, and these settings more: `StrictModes=no`.
    pub fn start(sandbox: &Sandbox, key: &std::path::Path, settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let _ = std::fs::create_dir_all("/run/sshd");
        let mut command = Command::new("/usr/sbin/sshd");
        command
            .args(["-D", "-e", "-f", "/dev/null", "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no"])
            .args(["-o", &format!("Port={port}"), "-o", &format!("PidFile={}", sandbox.path("sshd.pid").display())])
            .arg("-h")
            .arg(key);
        for setting in settings {
            command.args(["-o", setting]);
        }
        let child = command.stderr(Stdio::null()).spawn().expect("sshd is installed by tests/run");
        let sshd = Self { child, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return sshd;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("sshd does not answer");
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

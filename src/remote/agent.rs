//! Keys in an `ssh-agent` of their own, for a person's shell.

use crate::base::{Error, Result, SecretBytes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An `ssh-agent` with one key; ended when dropped.
pub struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts an agent in a private directory and gives it a private key in OpenSSH's format.
    ///
    /// # Errors
    /// If OpenSSH's programs are not installed, or do not take the key.
    pub fn start(directory: &Path, name: &str, private: &SecretBytes) -> Result<Self> {
        let missing = |_| Error::new("cannot run ssh-agent").hint("install OpenSSH's client");
        let socket = directory.join(format!("{name}.agent"));
        let mut command = Command::new("ssh-agent");
        // It lives as long as `cat`, which lives as long as our end of its input: a killed pkeys leaves no agent.
        command.arg("-a").arg(&socket).arg("cat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let agent = Self { child: command.spawn().map_err(missing)?, socket };
        agent.wait()?;
        agent.add(private)?;
        Ok(agent)
    }

    fn wait(&self) -> Result<()> {
        for _ in 0..100 {
            if std::os::unix::net::UnixStream::connect(&self.socket).is_ok() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err(Error::new("ssh-agent does not answer").hint("does `ssh-agent` work here?"))
    }

    /// Gives it another key.
    ///
    /// # Errors
    /// When `ssh-add` does not take it.
    pub fn add(&self, private: &SecretBytes) -> Result<()> {
        let missing = |_| Error::new("cannot run ssh-add").hint("install OpenSSH's client");
        let mut command = Command::new("ssh-add");
        // Gone after an hour, whatever happens to us.
        command.args(["-q", "-t", "3600", "-"]).env("SSH_AUTH_SOCK", &self.socket).env("SSH_ASKPASS_REQUIRE", "never");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(missing)?;
        let written = child.stdin.take().map(|mut input| input.write_all(private.expose()));
        let added = child.wait().is_ok_and(|status| status.success()) && written.is_some_and(|done| done.is_ok());
        if added {
            Ok(())
        } else {
            Err(Error::new("ssh-add does not take the key").hint("is it whole, and without a passphrase?"))
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let mut command = Command::new("ssh-add");
        command.args(["-q", "-D"]).env("SSH_AUTH_SOCK", &self.socket);
        let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

//! Running `sops`.

use crate::base::{Error, Result, SecretBytes, parallel};
use crate::bundle::MAX_PAYLOAD;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// What sops gets of the environment: nothing else is its business.
const PASSED: [&str; 24] = [
    // To be found, to find its own configuration and the age keys below it, and to write no file elsewhere.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    // Messages and passphrase prompts, of pinentry too.
    "LANG",
    "TERM",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    // Agents that hold keys.
    "GNUPGHOME",
    "GPG_TTY",
    "GPG_AGENT_INFO",
    "SSH_AUTH_SOCK",
    // The way to a key service.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// Its own settings and age keys, and credentials of the key services that it can use.
const PASSED_GROUPS: [&str; 9] =
    ["SOPS_", "LC_", "AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "AZURE_", "VAULT_", "HUAWEICLOUD_"];

/// Runs `sops decrypt`: what it prints is read into memory that is wiped. Each line of its messages goes to `tell`: they repeat
/// what a file says, and must not reach a terminal as they are.
pub(super) fn sops(path: &Path, output: Option<&str>, tell: &dyn Fn(&str)) -> Result<SecretBytes> {
    let mut command = Command::new("sops");
    let passed = std::env::vars_os().filter(|(name, _)| {
        name.to_str()
            .is_some_and(|name| PASSED.contains(&name) || PASSED_GROUPS.iter().any(|start| name.starts_with(start)))
    });
    command.env_clear().envs(passed);
    command.arg("decrypt").args(output.into_iter().flat_map(|kind| ["--output-type", kind])).arg(path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| {
        Error::new("cannot run sops").hint("install it: `nix-shell -p sops`; it opens the files with your own keys")
    })?;
    let mut out = child.stdout.take().expect("it was asked for");
    let messages = child.stderr.take();
    let read = || {
        let read = SecretBytes::read_from(&mut out, 64 * 1024, MAX_PAYLOAD);
        // Who prints more than is read must end.
        drop(out);
        read
    };
    let (read, ()) = parallel::both(read, || messages.into_iter().for_each(|from| pass_on(from, tell)));
    let ended = child.wait().map_err(|e| Error::new(format!("cannot wait for sops: {}", e.kind())))?;
    match read {
        Ok(value) if ended.success() => Ok(value),
        Ok(_) => Err(Error::new("sops could not open it").hint("try `sops decrypt FILE` by hand: it needs your key")),
        Err(e) => Err(Error::new(format!("cannot read what sops prints: {}", e.kind()))),
    }
}

/// Passes messages on as they come: a question, such as for a touch of a key, has no end of line.
fn pass_on(mut from: impl Read, tell: &dyn Fn(&str)) {
    let mut chunk = [0; 4096];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => {
                String::from_utf8_lossy(&chunk[..read]).lines().filter(|line| !line.trim().is_empty()).for_each(tell);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

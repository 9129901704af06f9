//! Every way to forge a proof, and the lines from which a verdict could be taken.

use crate::common::fleet::Fleet;
use crate::common::forger::{Attack, Forger};
use crate::common::sshd::Sshd;
use std::path::{Path, PathBuf};

/// Who forges, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Lines before the version string of the real host.
    Before,
    /// Lines and nothing else.
    Instead,
    /// Packets before the key exchange, with line breaks in them.
    Packets,
    /// Another server with a key of its own and a banner.
    Elsewhere,
    /// A jump host's standard error.
    Jump,
    /// The banner of the real host.
    Banner,
}

pub const ALL: [Way; 6] = [Way::Before, Way::Instead, Way::Packets, Way::Elsewhere, Way::Jump, Way::Banner];

/// The fingerprints of a user's keys, the pending one last.
pub fn fingerprints(keys: &Path, user: &str) -> Vec<String> {
    let text = std::fs::read_to_string(keys).unwrap();
    let field = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.and_then(|line| line.strip_suffix('"')).map(str::to_owned)
    };
    let mut all: Vec<_> = text.split("\n[").filter(|entry| field(entry, "user").as_deref() == Some(user)).collect();
    all.sort_by_key(|entry| field(entry, "state").as_deref() == Some("pending"));
    let fingerprint = |entry: &&str| {
        let key = ssh_key::PublicKey::from_openssh(&field(entry, "public").unwrap()).unwrap();
        key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    };
    all.iter().map(fingerprint).collect()
}

/// The log of an ssh that was let in with each of these keys, the last one at last.
pub fn let_in(keys: &[String]) -> String {
    let mut lines = String::from("debug1: SSH2_MSG_SERVICE_ACCEPT received\n");
    lines += "debug1: get_agent_identities: bound agent to hostkey\n";
    for key in keys {
        lines += &format!("debug1: Server host key: ssh-ed25519 {key}\n");
        lines += &format!("debug1: Offering public key: /k ED25519 {key} explicit agent\n");
        lines += &format!("debug1: Server accepts key: /k ED25519 {key} explicit agent\n");
    }
    lines += "debug1: Authentication succeeded (publickey).\n";
    lines + "Authenticated to web ([127.0.0.1]:22) using \"publickey\".\n"
}

/// The log of an ssh whose keys were all refused.
pub fn refused(keys: &[String]) -> String {
    let mut lines = String::from("debug1: SSH2_MSG_SERVICE_ACCEPT received\n");
    for key in keys {
        lines += &format!("debug1: Offering public key: /k ED25519 {key} explicit agent\n");
        lines += "debug1: Authentications that can continue: publickey\n";
    }
    lines + "debug1: No more authentication methods to try.\nroot@web: Permission denied (publickey).\n"
}

/// What forges, for as long as it lives.
pub struct Forgery(#[expect(dead_code)] Option<Forger>, #[expect(dead_code)] Option<Sshd>);

/// Puts a forger between the operator and web. The first `honest` connections are left alone where there is a choice.
pub fn forge(
    fleet: &mut Fleet,
    way: Way,
    honest: usize,
    lines: impl Fn(&Path) -> String + Send + Sync + 'static,
) -> Forgery {
    let keys = fleet.sandbox.repo().join("keys.toml");
    let port = fleet.servers[0].port;
    let config = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    let forger = |attack: Box<dyn Fn() -> Attack + Send>| {
        let forger = Forger::new(port, honest, attack);
        std::fs::write(&config, text.replace(&format!("Port {port}"), &format!("Port {}", forger.port))).unwrap();
        Some(forger)
    };
    match way {
        Way::Before => Forgery(forger(Box::new(move || Attack::Before(lines(&keys)))), None),
        Way::Instead => Forgery(forger(Box::new(move || Attack::Instead(lines(&keys)))), None),
        Way::Packets => Forgery(forger(Box::new(move || Attack::Packets(lines(&keys)))), None),
        Way::Elsewhere => {
            // Its banner is read anew for each login, and any key of the user is let in.
            let (host_key, _) = fleet.sandbox.ssh_key("other-host", "ed25519");
            let banner = fleet.sandbox.path("banner");
            let authorized = fleet.sandbox.path("all_keys");
            let settings = [
                format!("Banner={}", banner.display()),
                format!("AuthorizedKeysFile={}", authorized.display()),
                "StrictModes=no".into(),
                "PermitRootLogin=yes".into(),
                "PasswordAuthentication=no".into(),
            ];
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            let other = Sshd::start(&fleet.sandbox.path("tmp"), &host_key, &settings);
            let port = other.port;
            Forgery(
                forger(Box::new(move || {
                    std::fs::write(&banner, lines(&keys)).unwrap();
                    Attack::Elsewhere(port)
                })),
                Some(other),
            )
        }
        Way::Jump => {
            let said = fleet.sandbox.path("said");
            std::fs::write(&said, "").unwrap();
            // A program in the place of `ssh -W`, whose standard error is that of the jump host.
            let keys_now = format!("cat {} >&2", said.display());
            let pipe = format!("bash -c '{keys_now}; exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3; kill $!'");
            std::fs::write(&config, format!("Host web\n  ProxyCommand {pipe}\n{text}")).unwrap();
            follow(said, keys, lines);
            Forgery(None, None)
        }
        Way::Banner => {
            let banner = fleet.sandbox.path("banner");
            std::fs::write(&banner, "").unwrap();
            let root = fleet.root("web");
            let keys_file =
                format!("AuthorizedKeysFile={0}/push_keys {0}/run/pkeys/authorized_keys/%u", root.display());
            let banner_file = format!("Banner={}", banner.display());
            fleet.stop("web");
            let settings =
                ["StrictModes=no", "PermitRootLogin=yes", "PasswordAuthentication=no", &keys_file, &banner_file];
            fleet.servers[0].sshd = Some(Sshd::on(port, &root, &root.join("etc/host.key"), &settings));
            follow(banner, keys, lines);
            Forgery(None, None)
        }
    }
}

/// Keeps a file with the forged lines up to date, until it is gone.
fn follow(file: PathBuf, keys: PathBuf, lines: impl Fn(&Path) -> String + Send + 'static) {
    let beside = file.with_extension("new");
    let there = keys.clone();
    let write = move || std::fs::write(&beside, lines(&keys)).and_then(|()| std::fs::rename(&beside, &file)).is_ok();
    assert!(write());
    std::thread::spawn(move || {
        while there.exists() && write() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
}

/// Tries each way, and names those that failed.
pub fn each(ways: &[Way], attempt: impl Fn(Way)) {
    let tried = ways.iter().map(|way| (way, std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attempt(*way)))));
    let failed: Vec<_> = tried.filter(|(_, result)| result.is_err()).map(|(way, _)| way).collect();
    assert!(failed.is_empty(), "fooled by {failed:?}");
}

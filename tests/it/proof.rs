//! What proofs work with: keys and hosts of every kind, the operator's agent, odd paths, and configurations that would
//! weaken them. Real sshd servers and the system's ssh.

use crate::common::fleet::Fleet;
use crate::common::sshd::{Sshd, free_port};
use crate::common::{root, run_command};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A host on which root's keys are authorized, each with its private half in pkeys: one of each kind.
fn fleet(kinds: &[&str]) -> Option<Fleet> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&["web"]);
    for kind in kinds {
        let file = fleet.sandbox.path(&format!("{kind}.key"));
        let (name, bits) = kind.split_once('-').unwrap_or((kind, "256"));
        let arguments = ["-q", "-t", name, "-b", bits, "-N", "", "-f", file.to_str().unwrap()];
        crate::common::run("ssh-keygen", &arguments, b"").good();
        fleet.sandbox.pkeys_with(&["secret", "set", kind], &std::fs::read(&file).unwrap()).good();
        fleet.sandbox.pkeys(&["key", "add", "root", kind, "--from", &format!("age:{kind}")]).good();
    }
    edit(&fleet, "[users.root]\nhosts = []", "[users.root]\nhosts = [\"*\"]");
    deploy(&fleet);
    Some(fleet)
}

fn deploy(fleet: &Fleet) {
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
}

#[track_caller]
fn edit(fleet: &Fleet, from: &str, to: &str) {
    let path = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    fleet.sandbox.manifest(text.replacen(from, to, 1));
}

#[track_caller]
fn configure(fleet: &Fleet, from: &str, to: &str) {
    let path = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// Starts web's sshd anew, with these settings before the usual ones.
fn restart(fleet: &mut Fleet, key: &Path, more: &[&str]) {
    fleet.stop("web");
    let (root, port) = (fleet.root("web"), fleet.servers[0].port);
    let keys = format!("AuthorizedKeysFile={0}/push_keys {0}/run/pkeys/authorized_keys/%u", root.display());
    let settings = ["StrictModes=no", "PermitRootLogin=yes", "PasswordAuthentication=no", &keys];
    fleet.servers[0].sshd = Some(Sshd::on(port, &root, key, &[more, &settings].concat()));
}

/// Another server's host key in web's place, with root's logins as on web.
fn impostor(fleet: &Fleet) -> Sshd {
    let (key, _) = fleet.sandbox.ssh_key("impostor", "ed25519");
    let root = fleet.root("web");
    let keys = format!("AuthorizedKeysFile={0}/push_keys {0}/run/pkeys/authorized_keys/%u", root.display());
    Sshd::start(&fleet.sandbox.path("tmp"), &key, &["StrictModes=no", "PermitRootLogin=yes", &keys])
}

/// What `host check --logins` found: the state, and each login.
fn logins(fleet: &Fleet) -> (String, Vec<Value>) {
    let ran = fleet.pkeys(&["--json", "host", "check", "--logins"]);
    let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let found = said[0]["logins"].as_array().unwrap().iter().map(|login| login["found"].clone());
    (said[0]["state"].as_str().unwrap().to_owned(), found.collect())
}

#[test]
fn user_keys_of_every_kind_log_in() {
    let kinds = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"];
    let Some(fleet) = fleet(&kinds) else { return };
    assert_eq!(logins(&fleet), ("ok".into(), vec![json!("accepted"); 5]));
    assert!(fleet.pkeys(&["rotate", "root", "--key", "rsa-3072", "--yes"]).good().contains("rotated root rsa-3072"));
}

/// `ssh` offers an RSA key with the best algorithm that the host says it supports, and with no other.
#[test]
fn a_stolen_rsa_key_that_works_with_another_hash_is_not_refused() {
    let Some(mut fleet) = fleet(&["rsa-3072", "ed25519"]) else { return };
    let key = fleet.root("web").join("etc/host.key");
    let line = std::fs::read(fleet.sandbox.path("rsa-3072.key.pub")).unwrap();
    let place = fleet.root("web").join("push_keys");
    std::fs::write(&place, [&std::fs::read(&place).unwrap()[..], &line].concat()).unwrap();
    for algorithm in ["rsa-sha2-256", "ssh-rsa"] {
        restart(&mut fleet, &key, &[&format!("PubkeyAcceptedAlgorithms=ssh-ed25519,{algorithm}")]);
        let ran = fleet.pkeys(&["rotate", "root", "--key", "rsa-3072", "--emergency", "--yes"]);
        assert!(ran.status == 1 && ran.err.contains("it still accepts the old key"), "{algorithm}: {ran:?}");
    }
    // And where the host supports none of them, that is an answer.
    restart(&mut fleet, &key, &["PubkeyAcceptedAlgorithms=ssh-ed25519"]);
    let ran = fleet.pkeys(&["rotate", "root", "--key", "rsa-3072", "--emergency", "--yes"]);
    assert!(ran.good().contains("rotated root rsa-3072"));
}

#[test]
fn an_rsa_host_key_is_proven_and_the_key_of_another_kind_beside_it_does_not_matter() {
    let Some(mut fleet) = fleet(&["ed25519"]) else { return };
    let rsa = fleet.sandbox.path("rsa-host.key");
    crate::common::run("ssh-keygen", &["-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", rsa.to_str().unwrap()], b"")
        .good();
    let (other, _) = fleet.sandbox.ssh_key("other-host", "ed25519");
    let line = std::fs::read_to_string(rsa.with_extension("key.pub")).unwrap();
    let line = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let text = std::fs::read_to_string(fleet.sandbox.repo().join("pkeys.toml")).unwrap();
    let before = text.lines().find(|line| line.starts_with("recipients = [\"ssh-ed25519")).unwrap().to_owned();
    edit(&fleet, &before, &format!("recipients = [\"{line}\"]"));
    std::fs::copy(&rsa, fleet.root("web").join("etc/host.key")).unwrap();
    let more = format!("HostKey={}", other.display());
    restart(&mut fleet, &rsa, &[&more]);
    deploy(&fleet);
    assert_eq!(logins(&fleet), ("ok".into(), vec![json!("accepted")]));
    fleet.pkeys(&["rotate", "root", "--yes"]).good();
}

#[test]
fn a_host_with_an_age_identity_alone_is_proven_by_the_operators_known_hosts() {
    let Some(fleet) = fleet(&["ed25519"]) else { return };
    let identity = fleet.root("web").join("etc/identity");
    let made = crate::common::run("age-keygen", &["-o", identity.to_str().unwrap()], b"");
    let recipient = made.err.trim().rsplit(' ').next().unwrap().to_owned();
    let text = std::fs::read_to_string(fleet.sandbox.repo().join("pkeys.toml")).unwrap();
    let before = text.lines().find(|line| line.starts_with("recipients = [\"ssh-ed25519")).unwrap().to_owned();
    edit(&fleet, &before, &format!("recipients = [\"{recipient}\"]"));
    fleet.spec("web", json!({ "identities": ["/etc/identity"] }));
    fleet.sandbox.pkeys(&["render"]).good();
    // The configuration would accept any key.
    fleet.pkeys(&["push"]).bad("its host key is not one that is accepted for it", "compare its key");
    let known = fleet.sandbox.path("known_hosts");
    let public =
        crate::common::run("ssh-keygen", &["-yf", fleet.root("web").join("etc/host.key").to_str().unwrap()], b"")
            .good();
    std::fs::write(&known, format!("[127.0.0.1]:{} {public}", fleet.servers[0].port)).unwrap();
    configure(&fleet, "/dev/null", known.to_str().unwrap());
    fleet.pkeys(&["push"]).good();
    assert_eq!(logins(&fleet), ("ok".into(), vec![json!("accepted")]));
    fleet.pkeys(&["rotate", "root", "--yes"]).good();
}

/// A real `ssh-agent` of the operator's, ended when dropped.
struct OperatorsAgent(Child, PathBuf);

impl OperatorsAgent {
    fn with(fleet: &Fleet, key: &Path) -> Self {
        let socket = fleet.sandbox.path("own-agent");
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let agent = Self(child, socket);
        while std::os::unix::net::UnixStream::connect(&agent.1).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        run_command(Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &agent.1), b"").good();
        agent
    }
}

impl Drop for OperatorsAgent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_operators_own_agent_logs_in_and_its_key_is_known() {
    let Some(fleet) = fleet(&["ed25519"]) else { return };
    let (phone, public) = fleet.sandbox.ssh_key("phone", "ed25519");
    fleet.sandbox.pkeys(&["key", "add", "root", "phone", "--public", &public]).good();
    deploy(&fleet);
    // The operator pushes with a key that is in the agent only.
    let push = fleet.sandbox.path("push.key");
    let kept = fleet.sandbox.path("kept.key");
    std::fs::rename(&push, &kept).unwrap();
    let agent = OperatorsAgent::with(&fleet, &kept);
    configure(&fleet, "IdentityAgent none", &format!("IdentityAgent {}", agent.1.display()));
    let mut command = fleet.command();
    let ran = run_command(command.args(["rotate", "root", "--key", "phone", "--emergency", "--yes"]), b"");
    assert!(ran.err.contains("web: refuses the stolen key"), "{ran:?}");
    ran.good();
    assert!(!fleet.login("web", &phone));
    // By the environment, and the stolen key is the one that reaches the host.
    let stolen = fleet.sandbox.path("ed25519.key");
    let place = fleet.root("web").join("push_keys");
    let there = std::fs::read_to_string(&place).unwrap();
    let line = std::fs::read_to_string(stolen.with_extension("key.pub")).unwrap();
    std::fs::write(&place, format!("{}{line}", &there[..there.find("ssh-ed25519").unwrap()])).unwrap();
    run_command(Command::new("ssh-add").arg("-q").arg(&stolen).env("SSH_AUTH_SOCK", &agent.1), b"").good();
    configure(&fleet, &format!("IdentityAgent {}", agent.1.display()), "IdentityAgent SSH_AUTH_SOCK");
    configure(&fleet, "IdentitiesOnly yes", "IdentitiesOnly no");
    let mut command = fleet.command();
    command.env("SSH_AUTH_SOCK", &agent.1);
    let ran = run_command(command.args(["rotate", "root", "--key", "ed25519", "--emergency", "--yes"]), b"");
    assert!(ran.err.contains("you reach it with the stolen key alone"), "{ran:?}");
}

#[test]
fn odd_paths_of_the_private_directory_are_written_so_that_ssh_reads_them() {
    let Some(fleet) = fleet(&["ed25519"]) else { return };
    let above = tempfile::tempdir_in("/dev/shm").unwrap();
    for name in ["a b", "50%h", "it's", "say \"x\"", "back\\slash", "#x"] {
        let directory = above.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        let mut command = fleet.command();
        command.env("XDG_RUNTIME_DIR", &directory);
        let ran = run_command(command.args(["host", "check", "--logins"]), b"");
        assert!(ran.status == 0 && ran.out.contains("1 login"), "{name}: {ran:?}");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "{name}: nothing is left");
    }
    let directory = above.path().join("${HOME}");
    std::fs::create_dir(&directory).unwrap();
    let mut command = fleet.command();
    let ran = run_command(command.env("XDG_RUNTIME_DIR", &directory).args(["rotate", "root", "--yes"]), b"");
    assert!(ran.status == 1 && ran.err.contains("cannot be given the path of the private directory"), "{ran:?}");
}

#[test]
fn what_the_configuration_would_weaken_is_pinned() {
    let Some(fleet) = fleet(&["ed25519"]) else { return };
    let impostor = impostor(&fleet);
    let (ours, marker) = (fleet.servers[0].port, fleet.sandbox.path("ran"));
    // A connection to another server stands already, and would be shared.
    let control = fleet.sandbox.path("control");
    let mut master = Command::new("ssh");
    master.arg("-F").arg(fleet.sandbox.path("ssh_config"));
    master.args([
        "-N",
        "-M",
        "-o",
        &format!("ControlPath={}", control.display()),
        "-p",
        &impostor.port.to_string(),
        "web",
    ]);
    let mut master = master.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !control.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let busy = free_port();
    let weak = format!(
        "Host web\n  ControlMaster auto\n  ControlPath {}\n  PermitLocalCommand yes\n  LocalCommand touch {}\n  \
         RemoteCommand touch {}\n  LocalForward {busy} 127.0.0.1:{ours}\n  ForwardAgent yes\n  LogLevel QUIET\n  \
         FingerprintHash md5\n  NoHostAuthenticationForLocalhost yes\n  KnownHostsCommand /bin/echo 127.0.0.1\n",
        control.display(),
        marker.display(),
        marker.display(),
    );
    let config = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{weak}{text}")).unwrap();
    assert_eq!(logins(&fleet), ("ok".into(), vec![json!("accepted")]));
    fleet.pkeys(&["push"]).good();
    fleet.pkeys(&["rotate", "root", "--yes"]).good();
    assert!(!marker.exists(), "a command of the configuration ran");
    master.kill().unwrap();
    master.wait().unwrap();
    // With that connection gone, the impostor in the host's place gets nothing, though the configuration accepts any key.
    std::fs::write(&config, text.replace(&format!("Port {ours}"), &format!("Port {}", impostor.port))).unwrap();
    for arguments in [&["push"][..], &["rotate", "root", "--yes"]] {
        let ran = fleet.pkeys(arguments);
        assert!(ran.status == 1 && ran.err.contains("its host key is not one that is accepted for it"), "{ran:?}");
    }
}

#[test]
fn a_key_that_is_one_of_several_that_a_host_wants_is_not_refused() {
    let Some(mut fleet) = fleet(&["ed25519"]) else { return };
    let key = fleet.root("web").join("etc/host.key");
    let (second, public) = fleet.sandbox.ssh_key("second", "ed25519");
    let place = fleet.root("web").join("push_keys");
    let there = std::fs::read_to_string(&place).unwrap();
    let command = &there[..there.find("ssh-ed25519").unwrap()];
    std::fs::write(&place, format!("{there}\n{command}{public}\n")).unwrap();
    configure(&fleet, "  IdentityFile ", &format!("  IdentityFile {}\n  IdentityFile ", second.display()));
    restart(&mut fleet, &key, &["AuthenticationMethods=publickey,publickey"]);
    // The bundle does not authorize it any more, another file does.
    let old = fleet.read("web", "run/pkeys/authorized_keys/root");
    std::fs::write(&place, [&std::fs::read(&place).unwrap()[..], &old].concat()).unwrap();
    let ran = fleet.pkeys(&["rotate", "root", "--emergency", "--yes"]);
    assert!(ran.err.contains("web: the stolen key may still work there: it still accepts"), "{ran:?}");
}

#[test]
fn an_ssh_that_does_not_say_which_host_it_talks_to_is_too_old() {
    let Some(fleet) = fleet(&["ed25519"]) else { return };
    // It asks the agent as OpenSSH 8.8 did: for the keys alone.
    let programs = fleet.sandbox.path("programs");
    std::fs::create_dir(&programs).unwrap();
    let old = fleet.sandbox.script(
        "programs/ssh",
        "for word; do case $word in IdentityAgent=*) agent=${word#*=};; User=root) proving=1;; esac; done\n\
         [ -n \"$proving\" ] || exec /usr/bin/ssh \"$@\"\n\
         SSH_AUTH_SOCK=$(echo \"$agent\" | tr -d '\"') exec ssh-add -l",
    );
    let path = format!("{}:{}", old.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let ran = run_command(fleet.command().env("PATH", path).args(["rotate", "root", "--yes"]), b"");
    assert!(ran.err.contains("web: ssh does not say which host it talks to"), "{ran:?}");
    assert!(ran.status == 1 && ran.err.contains("8.9"), "{ran:?}");
}

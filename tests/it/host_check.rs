//! `host check` and `host compromised`, on real sshd servers.

use crate::common::fleet::Fleet;
use crate::common::{Ran, root, run_command};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

const HOSTS: [&str; 3] = ["web", "db", "mail"];

/// Three hosts that have what the repository says.
fn fleet() -> Option<Fleet> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&HOSTS);
    fleet.sandbox.secret("a", b"one", &["*"]);
    fleet.sandbox.secret("b", b"two", &["web"]);
    authorize(&fleet, "root", "laptop");
    fleet.spec("web", json!({ "secrets": { "a": { "path": "/etc/a", "mode": "0440" } } }));
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    Some(fleet)
}

/// A key that pkeys keeps, authorized for a user everywhere.
fn authorize(fleet: &Fleet, user: &str, label: &str) {
    fleet.sandbox.pkeys(&["key", "add", user, label, "--generate"]).good();
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace(&format!("[users.{user}]\nhosts = []"), &format!("[users.{user}]\nhosts = [\"*\"]"));
    fleet.sandbox.manifest(text);
}

fn check(fleet: &Fleet, more: &[&str]) -> Ran {
    fleet.pkeys(&[&["host", "check"], more].concat())
}

/// What is said of one host, as JSON.
#[track_caller]
fn seen(fleet: &Fleet, host: &str, more: &[&str]) -> Value {
    let ran = check(fleet, &[&["--json", host], more].concat());
    let mut all: Vec<Value> = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let one = all.remove(0);
    assert_eq!(ran.status, i32::from(one["state"] != "ok"), "{ran:?}");
    one
}

/// Demands a state and one finding with this text, which has a next step.
#[track_caller]
fn finds(fleet: &Fleet, host: &str, state: &str, problem: &str, more: &[&str]) {
    let seen = seen(fleet, host, more);
    assert_eq!(seen["state"], state, "{seen:#}");
    let findings = seen["findings"].as_array().unwrap();
    let fits = |finding: &&Value| finding["error"].as_str().unwrap().contains(problem);
    assert_eq!(findings.iter().filter(fits).count(), 1, "{problem}: {seen:#}");
    assert!(findings.iter().all(|finding| finding["hint"].as_str().is_some_and(|hint| !hint.is_empty())), "{seen:#}");
}

/// Every path of a host with its kind, mode, owner, times and bytes; what sshd itself writes is left out.
fn everything(fleet: &Fleet, host: &str) -> String {
    let script = "find . ! -name 'sshd.*' -printf '%p %y %m %U:%G %T@ %C@ %l\\n' | sort; \
        find . -type f ! -name 'sshd.*' | sort | xargs sha256sum";
    run_command(Command::new("sh").args(["-c", script]).current_dir(fleet.root(host)), b"").good()
}

#[test]
fn hosts_that_have_what_they_should_are_ok_and_stay_byte_for_byte_the_same() {
    let Some(fleet) = fleet() else { return };
    let before = HOSTS.map(|host| everything(&fleet, host));
    let repository = fleet.sandbox.snapshot();
    let ran = check(&fleet, &[]);
    assert_eq!(ran.out.lines().filter(|line| line.contains("  ok  generation 1")).count(), 3, "{ran:?}");
    assert!(ran.err.contains("3 hosts, 3 ok"), "{ran:?}");
    ran.good();
    let seen = seen(&fleet, "db", &[]);
    let generation = fleet.sandbox.generation("db");
    let notes = json!(["the states of its units are not known: systemd there did not say"]);
    let expected = json!({
        "host": "db", "state": "ok", "generation": generation, "installed": generation, "version": env!("CARGO_PKG_VERSION"),
        "findings": [], "notes": notes, "logins": [],
    });
    assert_eq!(seen, expected);
    assert_eq!(HOSTS.map(|host| everything(&fleet, host)), before);
    assert_eq!(fleet.sandbox.snapshot(), repository);
}

#[test]
fn what_differs_from_the_repository_is_named() {
    let Some(mut fleet) = fleet() else { return };
    fleet.sandbox.secret("a", b"changed", &[]);
    let bundle = fleet.sandbox.repo().join("bundles/web");
    let old = fleet.sandbox.path("old");
    run_command(Command::new("cp").arg("-a").args([&bundle, &old]), b"").good();
    let first = fleet.sandbox.generation("web");
    fleet.sandbox.pkeys(&["render"]).good();
    let second = fleet.sandbox.generation("web");
    finds(&fleet, "web", "behind", &format!("it has generation {first}, and the repository {second}"), &[]);
    fleet.pkeys(&["push", "web", "mail"]).good();
    assert_eq!(seen(&fleet, "web", &[])["state"], "ok");
    // The repository of somebody who did not pull.
    std::fs::remove_dir_all(&bundle).unwrap();
    std::fs::rename(&old, &bundle).unwrap();
    finds(&fleet, "web", "ahead", &format!("it has generation {second}, and the repository {first}"), &[]);
    // One that is down leaves the others alone.
    fleet.stop("mail");
    let ran = check(&fleet, &[]);
    assert_eq!(ran.status, 1);
    let words = ["web", "db", "mail"].map(|host| {
        let line = ran.out.lines().find(|line| line.starts_with(host)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    });
    assert_eq!(words, ["ahead", "behind", "unreachable"], "{ran:?}");
    assert!(ran.err.contains("error: mail: cannot log in") && ran.err.contains("3 hosts, 0 ok"), "{ran:?}");
}

#[test]
fn what_is_wrong_on_a_host_is_named_with_a_next_step() {
    let Some(fleet) = fleet() else { return };
    let at = |path: &str| fleet.root("web").join(path);
    let mend = || drop(fleet.pkeys(&["push", "web"]).good());
    std::fs::remove_file(at("run/pkeys/secrets/b")).unwrap();
    finds(&fleet, "web", "degraded", "secrets/b: it is not there", &[]);
    mend();
    std::fs::set_permissions(at("run/pkeys/secrets/a"), PermissionsExt::from_mode(0o644)).unwrap();
    finds(&fleet, "web", "degraded", "secrets/a: its mode is 0644, and not 0440", &[]);
    mend();
    chown(at("run/pkeys/secrets/a"), Some(1000), Some(0)).unwrap();
    finds(&fleet, "web", "degraded", "secrets/a: its owner and group are 1000:0, and not 0:0", &[]);
    mend();
    std::fs::remove_file(at("etc/a")).unwrap();
    finds(&fleet, "web", "degraded", "secrets/a: there is no link at /etc/a", &[]);
    mend();
    assert_eq!(seen(&fleet, "web", &[])["state"], "ok", "pushing again, as the hints say, mended all of it");
    let keys = at("run/pkeys/authorized_keys/root");
    let (_, stranger) = fleet.sandbox.ssh_key("stranger", "ed25519");
    let before = std::fs::read_to_string(&keys).unwrap();
    std::fs::write(&keys, format!("{before}{stranger}\n")).unwrap();
    let public = fleet.sandbox.path("stranger.key.pub");
    let said = crate::common::run("ssh-keygen", &["-lf", public.to_str().unwrap()], b"").good();
    let fingerprint = said.split(' ').nth(1).unwrap();
    let problem = format!("root may log in there with {fingerprint} stranger, which the repository does not authorize");
    finds(&fleet, "web", "degraded", &problem, &[]);
    std::fs::write(&keys, "").unwrap();
    finds(&fleet, "web", "degraded", "root may not log in there with SHA256:", &[]);
    mend();
    // What its configuration asks for and nobody gives.
    fleet.spec("web", json!({ "secrets": { "none": {}, "a": { "owner": "nobody-of-this-name" } } }));
    finds(&fleet, "web", "degraded", "secret none: no bundle has it", &[]);
    finds(&fleet, "web", "degraded", "there is no user nobody-of-this-name", &[]);
    std::fs::remove_dir_all(at("run")).unwrap();
    finds(&fleet, "web", "behind", "it has nothing installed, and the repository has generation ", &[]);
}

#[test]
fn another_host_key_than_that_of_pkeys_toml_is_found() {
    let Some(mut fleet) = fleet() else { return };
    fleet.stop("db");
    let own = fleet.root("db").join("etc/host.key");
    let (other, _) = fleet.sandbox.ssh_key("other", "ed25519");
    let kept = fleet.sandbox.path("kept");
    std::fs::rename(&own, &kept).unwrap();
    std::fs::copy(&other, &own).unwrap();
    fleet.start("db");
    // Nothing is asked of a host that proves no accepted key, whatever the operator's configuration says.
    finds(&fleet, "db", "unreachable", "its host key is not one that is accepted for it", &[]);
    let known = fleet.sandbox.path("known_hosts");
    let config = fleet.sandbox.path("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap().replace("/dev/null", known.to_str().unwrap());
    std::fs::write(&config, text).unwrap();
    let public = std::fs::read_to_string(other.with_extension("key.pub")).unwrap();
    std::fs::write(&known, format!("[127.0.0.1]:{} {public}", fleet.servers[1].port)).unwrap();
    finds(&fleet, "db", "degraded", "it shows the host key SHA256:", &[]);
    finds(&fleet, "db", "degraded", "its bundle is not sealed to a key that it has", &[]);
    // Through another program it is compared too.
    let text = std::fs::read_to_string(&config).unwrap();
    let pipe = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & cat >&3; kill $!'";
    std::fs::write(&config, format!("Host mail\n  ProxyCommand {pipe}\n{text}")).unwrap();
    assert_eq!(seen(&fleet, "mail", &[])["state"], "ok");
}

#[test]
fn a_login_that_may_only_push_can_ask_for_a_report_and_for_nothing_else() {
    let Some(fleet) = fleet() else { return };
    let ask = |what: &str| {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(fleet.sandbox.path("ssh_config"));
        run_command(command.args(["-o", "BatchMode=yes", "web", what]), b"")
    };
    assert!(ask("pkeys-activate report").good().contains("\"format\":\"pkeys-report/1\""));
    for what in ["cat /etc/shadow", "pkeys-activate report; cat /etc/shadow", "sh -c 'pkeys-activate report'", "id"] {
        let ran = ask(what);
        assert_ne!(ran.status, 0, "{what}");
        assert!(ran.out.contains("this login can push a bundle or ask for a report, and nothing else"), "{ran:?}");
        assert!(!ran.out.contains("root:") && !ran.out.contains("uid="), "{ran:?}");
    }
}

#[test]
fn a_host_with_an_older_program_or_none_says_what_to_do() {
    let Some(fleet) = fleet() else { return };
    let answers = [
        ("echo '{\"accepted\":false,\"error\":\"the tar is cut off\"}'; exit 1", "its pkeys-activate is older"),
        ("echo \"error: unrecognized subcommand 'report'\" >&2; exit 2", "its pkeys-activate is older"),
        ("exit 127", "pkeys-activate is not there"),
        ("echo hello", "the host gave no answer that pkeys knows"),
    ];
    let key = std::fs::read_to_string(fleet.sandbox.path("push.key.pub")).unwrap();
    for (number, (script, message)) in answers.iter().enumerate() {
        let script = fleet.sandbox.script(&format!("old-{number}"), script);
        let line = format!("restrict,command=\"{}\" {key}", script.display());
        std::fs::write(fleet.root("web").join("push_keys"), line).unwrap();
        finds(&fleet, "web", "unreachable", message, &[]);
    }
    fleet.sandbox.host("lost", &[]);
    finds(&fleet, "lost", "unreachable", "pkeys.toml has no address for it", &[]);
    check(&fleet, &["none"]).bad("has no host none", "pkeys host add");
}

#[test]
fn with_logins_keys_that_count_work_and_those_replaced_are_refused() {
    let Some(fleet) = fleet() else { return };
    let ok = seen(&fleet, "web", &["--logins"]);
    assert_eq!(ok["state"], "ok", "{ok:#}");
    let login = &ok["logins"][0];
    assert!(login["key"].as_str().unwrap().starts_with("root laptop SHA256:"), "{ok:#}");
    assert_eq!((&login["expected"], &login["found"]), (&json!("accepted"), &json!("accepted")));
    let old = fleet.read("web", "run/pkeys/authorized_keys/root");
    fleet.pkeys(&["rotate", "root", "--yes"]).good();
    let seen = seen(&fleet, "web", &["--logins"]);
    let words: Vec<_> = seen["logins"].as_array().unwrap().iter().map(|login| login["found"].clone()).collect();
    assert_eq!((words, &seen["state"]), (vec![json!("accepted"), json!("refused")], &json!("ok")), "{seen:#}");
    // The key of before comes back behind everybody's back, in a file that no bundle knows of.
    let mut all = std::fs::read(fleet.root("web").join("push_keys")).unwrap();
    all.extend(old);
    std::fs::write(fleet.root("web").join("push_keys"), all).unwrap();
    finds(&fleet, "web", "degraded", "it still accepts root laptop of before SHA256:", &["--logins"]);
    assert_eq!(self::seen(&fleet, "web", &[])["state"], "ok", "without logins nobody can see that");
    // No key, and nothing of it, stays anywhere.
    let left: Vec<_> = std::fs::read_dir(fleet.memory.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_lost_host_could_read_is_listed_with_the_commands_that_take_it_back() {
    let sandbox = crate::common::Sandbox::new();
    for host in ["web", "db", "mail"] {
        sandbox.host(host, &["--address", &format!("root@{host}"), "--tag", "server"]);
    }
    sandbox.secret("everywhere", b"1", &["*"]);
    sandbox.secret("own", b"2", &["web"]);
    sandbox.secret("gone", b"3", &["web", "mail"]);
    sandbox.secret("other", b"4", &["db"]);
    sandbox.pkeys(&["render"]).good();
    // Given to it no more, but rendered for it; and the other way round.
    sandbox.secret("new", b"5", &["web"]);
    let manifest = sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace(
        "[secrets.gone]\nfrom = \"age:gone\"\nhosts = [\"web\", \"mail\"]",
        "[secrets.gone]\nfrom = \"age:gone\"\nhosts = [\"mail\"]",
    ) + "\n[secrets.token]\nfrom = \"op://Private/api/token\"\nhosts = [\"web\", \"db\"]\n";
    sandbox.manifest(text);
    let before = sandbox.snapshot();
    let told: Value = serde_json::from_str(&sandbox.pkeys(&["--json", "host", "compromised", "web"]).good()).unwrap();
    let secret = |name: &str| told["secrets"].as_array().unwrap().iter().find(|secret| secret["name"] == name).cloned();
    let of = |name: &str| secret(name).map(|s| (s["wanted"].clone(), s["rendered"].clone(), s["shared"].clone()));
    let both = (json!(true), json!(true));
    assert_eq!(of("everywhere").unwrap(), (both.0.clone(), both.1.clone(), json!(["db", "mail"])));
    assert_eq!(of("own").unwrap(), (both.0, both.1, json!([])));
    assert_eq!(of("gone").unwrap(), (json!(false), json!(true), json!(["mail"])));
    assert_eq!(of("token").unwrap(), (json!(true), json!(false), json!(["db"])));
    assert_eq!(of("new").unwrap(), (json!(true), json!(false), json!([])));
    assert_eq!(of("other"), None);
    let commands: Vec<_> =
        told["steps"].as_array().unwrap().iter().filter_map(|step| step["command"].as_str()).collect();
    assert_eq!(commands[0], "pkeys host add web --scan ADDRESS", "{commands:?}");
    assert!(commands.iter().any(|command| command.starts_with("pkeys secret set own ")), "{commands:?}");
    let last = [
        "pkeys render db mail web",
        "git add -A && git commit",
        "pkeys push db mail web",
        "pkeys host check db mail web",
    ];
    assert_eq!(commands[commands.len() - 4..], last);
    let said = sandbox.pkeys(&["host", "compromised", "web"]).good();
    for part in ["web could read 5 secrets", "Change token in 1Password, at op://Private/api/token", "git's history"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(sandbox.snapshot(), before, "it is a plan");
    sandbox.pkeys(&["host", "compromised", "wbe"]).bad("has no host wbe", "did you mean web?");
}

//! Killed at every system call that changes something: nothing half-written, and the next run succeeds.

use crate::common::{Ran, Sandbox, run_command};

/// The calls by which pkeys changes files.
const CHANGING: &[&str] =
    &["mkdir", "write", "fchmod", "fsync", "rename", "renameat2", "link", "unlink", "unlinkat", "rmdir", "flock"];

/// Runs a command, killed at the `number`th of one call. `None` when it ended before.
fn killed(sandbox: &Sandbox, call: &str, number: usize, arguments: &[&str], input: &[u8]) -> Option<Ran> {
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let trace = format!("trace={call}");
    let mut command = sandbox.command_of("strace");
    command
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, crate::common::pkeys_binary()])
        .args(arguments);
    let ran = run_command(&mut command, input);
    (ran.status == 137).then_some(ran)
}

/// Kills a command at each of its changing calls; `between` prepares each try, `after` looks at what a kill left.
fn at_every_call(
    sandbox: &Sandbox,
    arguments: &[&str],
    input: &[u8],
    mut between: impl FnMut(usize),
    mut after: impl FnMut(),
) {
    let mut kills = 0;
    for call in CHANGING {
        for number in 1..200 {
            between(kills);
            if killed(sandbox, call, number, arguments, input).is_none() {
                break;
            }
            kills += 1;
            after();
            sandbox.pkeys_with(arguments, input).good();
            let left = crate::common::files_below(sandbox.top.path());
            let left: Vec<_> = left.iter().filter(|path| path.to_string_lossy().contains(".pkeys-tmp-")).collect();
            assert!(left.is_empty(), "{call} {number}: {left:?}");
        }
    }
    assert!(kills > 5, "{arguments:?} was killed {kills} times only");
    println!("{arguments:?}: killed at {kills} calls, and survived");
}

#[test]
fn render() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.host("db", &[]);
    sandbox.secret("a", b"needle-0", &["*"]);
    sandbox.pkeys(&["render"]).good();
    at_every_call(
        &sandbox,
        &["render"],
        b"",
        |round| sandbox.secret("a", format!("needle-{round}").as_bytes(), &[]),
        || {
            // Each host has its old bundle or its new one, whole.
            sandbox.pkeys(&["verify"]).good();
            sandbox.nowhere(b"needle-", &[]);
        },
    );
}

#[test]
fn secret_set() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    at_every_call(
        &sandbox,
        &["secret", "set", "a", "--host", "web"],
        b"needle",
        |_| drop(sandbox.pkeys(&["secret", "rm", "a"])),
        || {
            sandbox.pkeys(&["host", "list"]).good();
            sandbox.nowhere(b"needle", &[]);
            let shown = sandbox.pkeys(&["secret", "show", "a"]);
            assert!(shown.status == 1 || shown.out == "needle", "{shown:?}");
        },
    );
}

#[test]
fn host_add() {
    let sandbox = Sandbox::new();
    let (_, key) = sandbox.ssh_key("k", "ed25519");
    let parses = || drop(sandbox.pkeys(&["host", "list"]).good());
    let prepare = |_| drop(sandbox.pkeys(&["host", "remove", "web"]));
    at_every_call(&sandbox, &["host", "add", "web", "--recipient", &key], b"", prepare, parses);
}

#[test]
fn host_add_generate() {
    let sandbox = Sandbox::new();
    let parses = || drop(sandbox.pkeys(&["host", "list"]).good());
    let prepare = |_| drop(sandbox.pkeys(&["host", "remove", "web"]));
    at_every_call(&sandbox, &["host", "add", "web", "--generate"], b"", prepare, parses);
    sandbox.pkeys(&["host", "extra-files", "web", sandbox.path("extra").to_str().unwrap(), "--on-disk"]).good();
}

#[test]
fn key_add() {
    let sandbox = Sandbox::new();
    let (_, key) = sandbox.ssh_key("k", "ed25519");
    let after = || {
        sandbox.pkeys(&["key", "list"]).good();
        sandbox.pkeys(&["log"]).good();
    };
    let prepare = |_| drop(sandbox.pkeys(&["key", "remove", "joe", "laptop"]));
    at_every_call(&sandbox, &["key", "add", "joe", "laptop", "--public", &key], b"", prepare, after);
    sandbox.pkeys(&["log", "--verify"]).good();
    // A change is never missing from the log.
    let log: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["log", "--json"]).good()).unwrap();
    assert!(log.as_array().unwrap().iter().any(|entry| entry["action"] == "key add"));
}

#[test]
fn key_remove() {
    let sandbox = Sandbox::new();
    let (_, key) = sandbox.ssh_key("k", "ed25519");
    let add = || drop(sandbox.pkeys(&["key", "add", "joe", "laptop", "--public", &key]).good());
    let mut kills = 0;
    for call in CHANGING {
        for number in 1..200 {
            add();
            if killed(&sandbox, call, number, &["key", "remove", "joe", "laptop"], b"").is_none() {
                break;
            }
            kills += 1;
            // It is there whole, or gone; the log can be read, and only a torn line is ever named.
            let left: serde_json::Value =
                serde_json::from_str(&sandbox.pkeys(&["key", "list", "--json"]).good()).unwrap();
            assert!(left.as_array().unwrap().len() < 2);
            sandbox.pkeys(&["key", "remove", "joe", "laptop"]);
            sandbox.pkeys(&["log", "--verify"]).good();
        }
    }
    assert!(kills > 5, "killed {kills} times only");
}

#[test]
fn key_add_generate() {
    let sandbox = Sandbox::new();
    let parses = || drop(sandbox.pkeys(&["key", "list"]).good());
    let prepare = |_| drop(sandbox.pkeys(&["key", "remove", "ann", "laptop", "--force"]));
    at_every_call(&sandbox, &["key", "add", "ann", "laptop", "--generate"], b"", prepare, parses);
    assert!(sandbox.read("keys.toml").windows(7).any(|w| w == b"laptop\""));
}

#[test]
fn init() {
    let sandbox = Sandbox::empty();
    let again = |_| {
        let _ = std::fs::remove_dir_all(sandbox.path("config"));
        let _ = std::fs::remove_file(sandbox.repo().join("pkeys.toml"));
    };
    at_every_call(&sandbox, &["init", "--no-passphrase"], b"", again, || {});
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn adopt() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let repo = sandbox.repo();
    let manifest = sandbox.read("pkeys.toml");
    let key = sandbox.ssh_key("ann", "ed25519").1;
    let nix = format!("{{ users.users.ann.openssh.authorizedKeys.keys = [ \"{key}\" ]; }}\n");
    let new = "{ users.users.ann.openssh.authorizedKeys.pkeys = true; }\n";
    at_every_call(
        &sandbox,
        &["adopt", "--yes"],
        b"",
        |_| {
            let _ = std::fs::remove_file(repo.join("keys.toml"));
            std::fs::write(repo.join("pkeys.toml"), &manifest).unwrap();
            std::fs::create_dir_all(repo.join("hosts")).unwrap();
            std::fs::write(repo.join("hosts/web.nix"), &nix).unwrap();
        },
        || {
            // The key stands in one place at least, and each file is the old one or the new one.
            let text = String::from_utf8(sandbox.read("hosts/web.nix")).unwrap();
            let listed = sandbox.pkeys(&["key", "list", "--json"]).good();
            assert!(text == nix || text == new && listed.contains("SHA256:"), "{text} {listed}");
        },
    );
    assert_eq!(sandbox.read("hosts/web.nix"), new.as_bytes());
}

#[test]
fn import() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let repo = sandbox.repo();
    let manifest = sandbox.read("pkeys.toml");
    let (identity, public) = sandbox.ssh_key("old", "ed25519");
    std::fs::create_dir_all(repo.join("hosts")).unwrap();
    let file = repo.join("hosts/a.age");
    crate::common::run("age", &["-r", &public, "-o", file.to_str().unwrap()], b"needle").good();
    let nix = "{\n  age.secrets.a.file = ./a.age;\n}\n";
    let new = "{\n  pkeys.secrets.a.path = \"/run/agenix/a\";\n}\n";
    at_every_call(
        &sandbox,
        &["import", "agenix", "--rewrite", "--yes", "--identity", identity.to_str().unwrap()],
        b"",
        |_| {
            let _ = std::fs::remove_dir_all(repo.join("secrets"));
            std::fs::write(repo.join("pkeys.toml"), &manifest).unwrap();
            std::fs::write(repo.join("hosts/web.nix"), nix).unwrap();
        },
        || {
            // Once Nix asks pkeys for the secret, pkeys has it.
            let text = String::from_utf8(sandbox.read("hosts/web.nix")).unwrap();
            let has = sandbox.pkeys(&["secret", "show", "a"]).out == "needle";
            assert!(text == nix || text == new && has, "{text}");
            sandbox.nowhere(b"needle", &[]);
        },
    );
}

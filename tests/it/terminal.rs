//! What reaches the terminal: nothing that steers it, nothing of a secret on the command line, and nothing of a paste is left.

use crate::common::connect;
use crate::common::{Ran, Sandbox, pkeys_binary, run_command};
use std::io::{Read, Write};
use std::time::Duration;

/// Moves the cursor, turns text around, hides it, and begins a line of its own.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{200f}\u{7}\u{7f}\rok\u{2028}";
/// The same in TOML and JSON.
const ESCAPED: &str = r"\u001b[2J\u009b31m\u202e\u2066\u200b\u200f\u0007\u007f\rok\u2028";

#[track_caller]
fn is_plain(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        let bad: Vec<_> =
            text.chars().filter(|c| *c != '\n' && HOSTILE.contains(*c) && !"[2J31mok".contains(*c)).collect();
        assert!(bad.is_empty(), "{bad:?} in {text:?}");
    }
}

#[test]
fn text_of_a_hostile_repository_does_not_steer_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("db", b"1", &["web"]);
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let text =
        text.replace("\n[hosts.web]\n", &format!("\n[hosts.web]\naddress = \"{ESCAPED}\"\ntags = [\"{ESCAPED}\"]\n"));
    let text = text + &format!("\n[sources.\"{ESCAPED}\"]\nkind = \"age\"\nurl = \"http://127.0.0.1:9\"\n");
    std::fs::write(sandbox.repo().join("pkeys.toml"), text).unwrap();
    std::fs::create_dir(sandbox.repo().join("policies")).unwrap();
    let reason = HOSTILE.replace('\r', "\\r");
    let rule = format!(
        "@id(\"no-db\")\n@reason(\"reason {reason}\")\n@fix(\"fix {reason}\")\nforbid (principal, action == Action::\"deliver\", resource == Secret::\"db\");\n"
    );
    std::fs::write(sandbox.repo().join("policies/mine.cedar"), rule).unwrap();
    std::fs::write(sandbox.repo().join(format!("policies/{}", HOSTILE.replace('/', ""))), "").unwrap();
    let log = String::from_utf8(sandbox.read("audit.jsonl")).unwrap();
    let forged = log.lines().last().unwrap().replace("\"ann\"", &format!("\"{ESCAPED}\""));
    std::fs::write(sandbox.repo().join("audit.jsonl"), log + &forged + "\n").unwrap();

    let mut seen = String::new();
    for color in ["never", "always"] {
        for arguments in [
            &["check"][..],
            &["render"],
            &["status"],
            &["log"],
            &["log", "--verify"],
            &["host", "list"],
            &["policy", "check"],
            &["policy", "explain", "web", "db"],
            &["policy", "matrix"],
            &["secret", "list"],
            &["push"],
            &["host", "check"],
            &["--json", "check"],
            &["--json", "status"],
            &["--json", "host", "list"],
            &["--json", "log"],
            &["login", "--source", HOSTILE],
            &["--repo", HOSTILE, "status"],
            &["secret", "show", HOSTILE],
            &["scan"],
        ] {
            let mut ran = sandbox.pkeys(&[&["--color", color], arguments].concat());
            if arguments[0] == "--json" {
                let text = if ran.out.is_empty() { &ran.err } else { &ran.out };
                serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
            }
            if color == "always" {
                // What pkeys itself colors with.
                for own in ["1", "2", "0", "31", "32", "33"].map(|code| format!("\u{1b}[{code}m")) {
                    ran.out = ran.out.replace(&own, "");
                    ran.err = ran.err.replace(&own, "");
                }
            }
            is_plain(&ran);
            seen += &format!("{}{}", ran.out, ran.err);
        }
    }
    // All of it was there to be shown: a source's name, a reason, a fix, an author, an address.
    assert!(seen.matches("\\u001b[2J").count() > 20, "{seen}");
    for shown in ["reason \\u001b", "fix: fix \\u001b", "source \\u001b"] {
        assert!(seen.contains(shown), "no {shown} in\n{seen}");
    }
}

#[test]
fn labels_of_1password_and_authors_of_git_do_not_steer_the_terminal() {
    let label = format!("vault {HOSTILE}");
    let data = connect::EXAMPLE.replace("\"name\": \"demo\"", &format!("\"name\": {}", serde_json::json!(label)));
    assert_ne!(data, connect::EXAMPLE);
    let server = connect::StandIn::start(&data, &[]);
    let sandbox = Sandbox::new();
    let mut command = sandbox.command();
    let ran = run_command(command.args(["-v", "login", "--url", &server.url()]), connect::WRITE_TOKEN.as_bytes());
    is_plain(&ran);
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap()
        + "[sources.o]\nkind = \"connect\"\n[secrets.x]\nfrom = \"op://nope/item/field\"\nhosts = []\n";
    std::fs::write(sandbox.repo().join("pkeys.toml"), text).unwrap();
    let mut command = sandbox.command();
    command.env("OP_CONNECT_HOST", server.url()).env("OP_CONNECT_TOKEN", connect::WRITE_TOKEN);
    let ran = run_command(command.args(["secret", "show", "x"]), b"");
    is_plain(&ran);
    assert!(ran.err.contains("vault") && ran.status == 1, "{ran:?}");

    let git = |arguments: &[&str]| run_command(sandbox.command_of("git").args(arguments), b"").good();
    git(&["init", "--quiet"]);
    git(&["config", "user.email", &format!("ann{HOSTILE}@x")]);
    sandbox.secret("a", b"1", &[]);
    let ran = sandbox.pkeys(&["log"]);
    is_plain(&ran);
    assert!(ran.out.contains("ann[2J"), "{ran:?}");
}

#[test]
fn a_private_key_as_an_argument_is_not_repeated() {
    let sandbox = Sandbox::new();
    let (private, _) = sandbox.ssh_key("ann", "ed25519");
    let key = std::fs::read_to_string(private).unwrap();
    let body: Vec<_> = key.lines().filter(|line| !line.starts_with('-')).collect();
    let token = "ops_eyJzaWduSW5BZGRyZXNzIjoiaHVudGVyMg";
    for secret in [key.as_str(), key.trim(), token] {
        for arguments in [
            &["secret", "set", "foo", secret][..],
            &["secret", "set", secret],
            &["secret", secret],
            &[secret],
            &["host", "add", "web", "--recipient", secret],
            &["host", "add", "--recipient", secret],
            &["host", "add", secret],
            &["key", "add", "ann", "x", "--public", secret],
            &["key", "add", "ann", "x", "--from", secret],
            &["scan", secret],
            &["--repo", secret, "status"],
            &["login", "--source", secret],
            &["login", "--url", secret],
            &["login", "--ca-file", secret],
            &["init", "--identity", secret],
            &["import", secret],
            &["adopt", secret],
            &["host", "add", "web", "--scan", secret],
            &["host", "extra-files", "web", secret],
            &["secret", "set", "foo", "--host", secret],
            &["push", secret],
            &["--color", secret, "status"],
            &["status", "--", secret],
            &["help", secret],
            &["secret", "help", secret],
        ] {
            let ran = sandbox.pkeys(arguments);
            assert_ne!(ran.status, 0, "{arguments:?}");
            let said = ran.out + &ran.err;
            assert!(!body.iter().any(|line| said.contains(line)) && !said.contains(token), "{arguments:?}: {said}");
            assert!(said.contains("error:"), "{said}");
        }
    }
    let said = sandbox.pkeys(&["secret", "set", "foo", &key]).err;
    assert!(said.contains("standard input"), "{said}");
    assert!(!sandbox.pkeys(&["secret", "set", "foo", "hunter2"]).err.contains("hunter2"));
}

/// Runs a shell line on a terminal and sends it these pieces, with a pause after each, once it asks.
fn pasting(sandbox: &Sandbox, line: &str, pieces: &[&str]) -> Ran {
    let mut child = sandbox.on_terminal(line);
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&seen).contains("(not shown): ") && screen.read(&mut byte).is_ok_and(|n| n == 1) {
        seen.push(byte[0]);
    }
    std::thread::sleep(Duration::from_millis(300));
    for piece in pieces {
        keyboard.write_all(piece.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    let _ = screen.read_to_end(&mut seen);
    drop(keyboard);
    let mut ran = Ran::of(child.wait_with_output().unwrap());
    ran.out = String::from_utf8_lossy(&seen).into_owned();
    ran
}

#[test]
fn a_paste_of_several_lines_is_refused_and_none_of_it_reaches_the_shell() {
    let sandbox = Sandbox::new();
    let rest = sandbox.path("rest");
    // What a shell would read next.
    let line = |term: &str| {
        format!("TERM={term} {} secret set foo; echo; timeout 1 cat > '{}'; echo done", pkeys_binary(), rest.display())
    };
    let (begin, end) = ("\u{1b}[200~", "\u{1b}[201~");
    for (term, pieces) in [
        ("dumb", vec!["hunter2\ntouch evil\nrm -rf x\n"]),
        ("dumb", vec!["hunter2\n\ntouch evil"]),
        ("xterm", vec!["hunter2\ntouch evil\n"]),
        // A terminal that marks what is pasted; it arrives slowly.
        ("xterm", vec![&*format!("{begin}hunter2\n"), "touch evil\n", &*format!("rm -rf x\n{end}")]),
    ] {
        let ran = pasting(&sandbox, &line(term), &pieces);
        assert!(ran.out.contains("several lines were pasted") && ran.out.contains("secret set foo < FILE"), "{ran:?}");
        assert!(!ran.out.contains("hunter2") && !ran.out.contains("evil"), "{ran:?}");
        assert_eq!(std::fs::read_to_string(&rest).unwrap(), "", "{pieces:?}");
        assert!(!sandbox.repo().join("secrets/foo.age").exists());
    }
    // One line is taken, typed or pasted.
    for (term, pieces) in [
        ("dumb", vec!["one line\n"]),
        ("xterm", vec![&*format!("{begin}one line{end}"), "\n"]),
        ("xterm", vec![&*format!("{begin}one line\n{end}")]),
    ] {
        let ran = pasting(&sandbox, &line(term), &pieces);
        assert!(ran.out.contains("done") && !ran.out.contains("error"), "{ran:?}");
        assert_eq!(sandbox.pkeys(&["secret", "show", "foo"]).good(), "one line");
        sandbox.pkeys(&["secret", "rm", "foo"]).good();
    }
    let ran = pasting(&sandbox, &line("xterm"), &["hunter2\u{3}"]);
    assert!(ran.out.contains("no value was given") && !sandbox.repo().join("secrets/foo.age").exists(), "{ran:?}");
}

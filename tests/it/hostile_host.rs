//! Hosts that answer `report` and `receive` with too much, or too slowly: each is given up by name, and the others get theirs.

use crate::common::fleet::Fleet;
use crate::common::{Ran, root, run_command};

const LIMIT: usize = 16 * 1024 * 1024;

/// Two hosts; the first one answers as these shell lines say.
fn fleet(report: &str, receive: &str) -> Option<Fleet> {
    if !root("real sshd servers") {
        return None;
    }
    let fleet = Fleet::new(&["web", "db"]);
    fleet.sandbox.secret("a", b"one", &["*"]);
    fleet.sandbox.pkeys(&["render"]).good();
    let keys = fleet.root("web").join("push_keys");
    let honest = std::fs::read_to_string(&keys).unwrap();
    let (_, rest) = honest.split_once("command=\"").unwrap();
    let (command, key) = rest.split_once('"').unwrap();
    let honest = format!("exec {command}");
    let line = |text: &str| text.replace("HONEST", &honest);
    let script = format!("case \"$SSH_ORIGINAL_COMMAND\" in *report) {};; *) {};; esac", line(report), line(receive));
    let script = fleet.sandbox.script("hostile", &script);
    std::fs::write(&keys, format!("restrict,command=\"{}\" {key}", script.display())).unwrap();
    Some(fleet)
}

/// With an end to what it may use: the program of before would take all memory, and all time.
fn pkeys(fleet: &Fleet, timeout: &str, arguments: &[&str]) -> Ran {
    let mut command = fleet.sandbox.command_of("sh");
    command.env("PKEYS_SSH_CONFIG", fleet.sandbox.path("ssh_config")).env("PKEYS_SSH_TIMEOUT", timeout);
    command
        .args(["-c", "ulimit -v 4000000; exec timeout 60 \"$0\" \"$@\"", crate::common::pkeys_binary()])
        .args(arguments);
    run_command(&mut command, b"")
}

#[track_caller]
fn web_is_given_up_and_db_gets_its_bundle(fleet: &Fleet, timeout: &str, error: &str, hint: &str) {
    let ran = pkeys(fleet, timeout, &["push"]);
    assert_eq!(fleet.read("db", "run/pkeys/secrets/a"), b"one", "{ran:?}");
    assert!(!fleet.root("web").join("run/pkeys/secrets/a").exists());
    ran.bad(&format!("web: {error}"), hint);
}

#[test]
fn a_host_that_reports_without_end_is_given_up() {
    let error = format!("the host sent more than {LIMIT} bytes as its answer");
    for report in ["exec yes", "exec cat /dev/zero"] {
        let Some(fleet) = fleet(report, "exec true") else { return };
        web_is_given_up_and_db_gets_its_bundle(&fleet, "60", &error, "the connection was ended");
        let ran = pkeys(&fleet, "60", &["--json", "host", "check"]);
        assert!(ran.status == 1 && ran.out.contains(&error) && !ran.out.contains("yyy"), "{ran:?}");
    }
}

#[test]
fn a_host_that_answers_a_push_without_end_is_given_up() {
    let Some(fleet) = fleet("HONEST", "exec yes") else { return };
    let error = format!("the host sent more than {LIMIT} bytes as its answer");
    web_is_given_up_and_db_gets_its_bundle(&fleet, "60", &error, "the connection was ended");
}

#[test]
fn a_host_that_complains_without_end_is_given_up() {
    let Some(fleet) = fleet("exec yes >&2", "exec true") else { return };
    web_is_given_up_and_db_gets_its_bundle(&fleet, "60", "the host sent more than 1048576 bytes of messages", "ended");
}

#[test]
fn a_host_that_sends_a_byte_now_and_then_is_given_up() {
    let drip = "while printf x; do sleep 5; done";
    for (report, receive) in [(drip, "exec true"), ("HONEST", drip)] {
        let Some(fleet) = fleet(report, receive) else { return };
        let error = "the host did not answer within 20 seconds";
        web_is_given_up_and_db_gets_its_bundle(&fleet, "20", error, "PKEYS_SSH_TIMEOUT=SECONDS");
    }
}

#[test]
fn a_large_answer_is_still_taken() {
    let Some(fleet) = fleet("head -c 15000000 /dev/zero; echo; HONEST", "HONEST") else { return };
    assert_eq!(pkeys(&fleet, "60", &["push"]).good().matches("pushed").count(), 2);
}

/// A key for root that an emergency takes off web.
fn emergency(fleet: &Fleet) -> Ran {
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text + "\n[users.root]\nhosts = [\"web\"]\n");
    let (_, public) = fleet.sandbox.ssh_key("stolen", "ed25519");
    fleet.sandbox.pkeys(&["key", "add", "root", "stolen", "--public", &public]).good();
    fleet.sandbox.pkeys(&["render"]).good();
    pkeys(fleet, "60", &["rotate", "root", "--key", "stolen", "--emergency", "--yes"])
}

/// What the host was sent, as one text.
fn sent(fleet: &Fleet) -> String {
    String::from_utf8_lossy(&std::fs::read(fleet.sandbox.path("sent")).unwrap_or_default()).into_owned()
}

#[test]
fn the_words_of_an_error_do_not_make_a_host_an_older_one() {
    let error = "{\"format\":\"pkeys-report/1\",\"error\":\"the clock is older than the disk\"}";
    let receive = "cat >> $HOME/sent; echo '{\"accepted\":true}'";
    for (report, said) in [
        (format!("echo '{error}'; exit 1"), "it cannot report: the clock is older"),
        ("echo 'its pkeys-activate is older and cannot report' >&2; exit 1".into(), "the host gave no answer"),
        ("echo \"error: unrecognized subcommand 'report'\" >&2; exit 1".into(), "the host gave no answer"),
    ] {
        let Some(fleet) = fleet(&report, "HONEST") else { return };
        let receive = receive.replace("$HOME", fleet.sandbox.top.path().to_str().unwrap());
        let script = format!("case \"$SSH_ORIGINAL_COMMAND\" in *report) {report};; *) {receive};; esac");
        fleet.sandbox.script("hostile", &script);
        let ran = emergency(&fleet);
        assert_eq!(sent(&fleet), "", "{ran:?}");
        assert!(ran.status == 1 && ran.err.contains(said), "{ran:?}");
    }
}

#[test]
fn an_older_program_without_a_word_still_gets_a_bundle_of_format_1_in_an_emergency() {
    for report in ["exit 2", "echo '{\"accepted\":false,\"error\":\"the tar is cut off\"}'; exit 1"] {
        let Some(fleet) = fleet(report, "HONEST") else { return };
        let place = fleet.sandbox.path("sent");
        let receive = format!("cat >> {}; echo '{{\"accepted\":true}}'", place.display());
        let script = format!("case \"$SSH_ORIGINAL_COMMAND\" in *report) {report};; *) {receive};; esac");
        fleet.sandbox.script("hostile", &script);
        pkeys(&fleet, "60", &["push", "web"]).bad("web: its pkeys-activate is older", "");
        assert_eq!(sent(&fleet), "");
        let ran = emergency(&fleet);
        assert!(sent(&fleet).contains("pkeys-bundle/1"), "{ran:?}");
    }
}

//! What the documents claim: README's commands run, SECURITY.md's tests exist, demo and completions work.

use crate::common::{Sandbox, files_below, run_command};
use std::path::Path;

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The `sh` blocks of a document.
fn blocks(text: &str) -> Vec<String> {
    let after = |start: &str| start.split_once("\n```").expect("a block ends").0.to_owned();
    text.split("```sh\n").skip(1).map(after).collect()
}

#[test]
fn the_readmes_five_minutes_work_as_written() {
    let sandbox = Sandbox::empty();
    let block = blocks(&document("README.md")).into_iter().find(|b| b.contains("pkeys init")).unwrap();
    // A passphrase needs a person; everything else is run to the letter.
    let script = block.replace("pkeys init ", "pkeys init --no-passphrase ");
    let repo = sandbox.repo();
    let prepare = "set -e; git init -q .; ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key";
    let bin = Path::new(crate::common::pkeys_binary()).parent().unwrap().display();
    let script = format!("PATH={bin}:$PATH; {prepare}\n{script}\ngit ls-files");
    let said = run_command(sandbox.command_of("sh").args(["-c", &script]).current_dir(&repo), b"").good();
    for file in ["bundles/web/secrets.age", "pkeys.toml", "secrets/tailscale-auth-key.age"] {
        assert!(said.contains(file), "{said}");
    }
}

#[test]
fn the_demo_works_as_root_and_as_nobody_and_cleans_up() {
    let sandbox = Sandbox::empty();
    let said = sandbox.pkeys(&["demo"]).good();
    assert_eq!(said.matches("   agrees ").count(), 2, "{said}");
    assert!(said.contains("0440 ") && said.contains("generation 1") && said.contains(", signed"), "{said}");
    assert_eq!(std::fs::read_dir(sandbox.path("tmp")).unwrap().count(), 0);
    let kept = sandbox.path("kept");
    sandbox.pkeys(&["demo", "--keep", kept.to_str().unwrap()]).good();
    assert!(kept.join("repo/bundles/web/secrets.age").exists());
    sandbox.pkeys(&["demo", "--keep", kept.to_str().unwrap()]).bad("is there already", "name a new directory");
    if crate::common::root("the demo as another user") {
        let copy = Path::new("/tmp").join(format!("pkeys-test-{}", std::process::id()));
        crate::common::copy_program(crate::common::pkeys_binary(), &copy);
        let mut command = sandbox.command_of("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy).arg("demo");
        let ran = run_command(command.env("TMPDIR", "/tmp").current_dir("/"), b"");
        std::fs::remove_file(&copy).unwrap();
        assert!(ran.good().contains("owners are not set: only root can"));
    }
}

#[test]
fn completions_and_manual_name_every_command() {
    let sandbox = Sandbox::empty();
    let help = sandbox.pkeys(&["help"]).good();
    let commands: Vec<_> =
        help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty()).collect();
    let names: Vec<_> = commands.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 10 && names.contains(&"render"), "{names:?}");
    let manual = sandbox.pkeys(&["man"]).good().replace("\\-", "-");
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.pkeys(&["completions", shell]).good();
        assert!(names.iter().all(|name| script.contains(name) && manual.contains(name)), "{shell}");
    }
    run_command(sandbox.command_of("bash").args(["-n"]), sandbox.pkeys(&["completions", "bash"]).out.as_bytes()).good();
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["crates", "src", "tests"].iter().flat_map(|dir| files_below(&root.join(dir)));
    let code: String = sources
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .map(|p| std::fs::read_to_string(p).unwrap())
        .collect();
    let text = document("SECURITY.md");
    let table = text.split("\n## ").find(|section| section.starts_with("What is promised")).unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ") && line.contains("`")).collect();
    assert!(rows.len() >= 40, "{rows:?}");
    for row in rows {
        let names = row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2);
        for name in names.filter(|name| !name.contains('/')) {
            // A function, a row of the table of faults, or a group with a test for each call at which a program is killed.
            let tests = [format!("fn {name}("), format!("\n    {name}: table"), format!("killed_at! {{ {name}:\n")];
            assert!(tests.iter().any(|test| code.contains(test)), "there is no test {name}");
        }
        for path in row.split('`').filter(|part| part.starts_with("tests/")) {
            assert!(root.join(path).exists(), "there is no {path}");
        }
    }
    assert!(code.contains("fn every_promise_names_a_test_that_exists("));
}

#[test]
fn json_is_json_and_a_pipe_is_plain() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    assert!(!sandbox.pkeys(&["status"]).good().contains('\x1b'));
    assert!(sandbox.pkeys(&["status", "--color", "always"]).good().contains('\x1b'));
    for arguments in [
        &["render", "--json"][..],
        &["status", "--json"],
        &["verify", "--json"],
        &["check", "--json"],
        &["host", "list", "--json"],
        &["host", "check", "--json"],
        &["host", "compromised", "web", "--json"],
        &["secret", "list", "--json"],
        &["secret", "generate", "g", "--json"],
        &["policy", "explain", "web", "a", "--json"],
        &["host", "remove", "web", "--json"],
        &["key", "list", "--json"],
        &["log", "--json"],
        &["policy", "check", "--json"],
        &["policy", "test", "--json"],
        &["policy", "matrix", "--json"],
        &["log", "--verify", "--json"],
        &["init", "--json"],
    ] {
        let ran = sandbox.pkeys(arguments);
        let values: Result<Vec<serde_json::Value>, _> =
            serde_json::Deserializer::from_str(&ran.out).into_iter().collect();
        let number = values.unwrap_or_else(|e| panic!("{arguments:?}: {e}: {ran:?}")).len();
        assert!(number > 0, "{arguments:?}: {ran:?}");
        assert_eq!(ran.err, "", "{arguments:?}");
    }
    let error: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["--json", "render", "nope"]).err).unwrap();
    assert_eq!(error["error"], "pkeys.toml has no host nope");
}

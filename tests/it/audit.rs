//! The log of changes: who, what, when; checked by hand with `jq` and `sha256sum`.

use crate::common::{Sandbox, run_command};

/// The chain as a shell checks it: each line's `previous` is the hash of the line above.
const BY_HAND: &str = r#"
set -e
expected=0000000000000000000000000000000000000000000000000000000000000000
while IFS= read -r line; do
    test "$(printf '%s\n' "$line" | jq -r .previous)" = "$expected" || { echo "broken: $line"; exit 1; }
    expected=$(printf '%s\n' "$line" | sha256sum | cut -d' ' -f1)
done < audit.jsonl
"#;

fn by_hand(sandbox: &Sandbox) -> crate::common::Ran {
    run_command(sandbox.command_of("sh").args(["-c", BY_HAND]), b"")
}

fn actions(sandbox: &Sandbox) -> Vec<String> {
    let log: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["log", "--json"]).good()).unwrap();
    log.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
}

fn log(sandbox: &Sandbox) -> String {
    String::from_utf8(sandbox.read("audit.jsonl")).unwrap()
}

fn write_log(sandbox: &Sandbox, text: &str) {
    std::fs::write(sandbox.repo().join("audit.jsonl"), text).unwrap();
}

#[test]
fn what_changes_something_is_logged_and_no_value_is() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.pkeys(&["log"]).good(), "");
    assert!(sandbox.pkeys(&["log", "--verify"]).good().starts_with("verified 0 entries"));
    sandbox.host("web", &["--tag", "server"]);
    sandbox.secret("a", b"hunter2", &["web"]);
    let (_, key) = sandbox.ssh_key("joe", "ed25519");
    sandbox.pkeys(&["key", "add", "joe", "laptop", "--public", &key]).good();
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["secret", "rekey"]).good();
    sandbox.pkeys(&["secret", "rm", "a"]).good();
    sandbox.pkeys(&["key", "remove", "joe", "laptop"]).good();
    sandbox.pkeys(&["host", "remove", "web"]).good();
    for nothing in [&["status"][..], &["check"], &["key", "list"], &["log"], &["secret", "rm", "a"], &["host", "list"]]
    {
        sandbox.pkeys(nothing);
    }
    let all = ["host add", "secret set", "key add", "render", "secret rekey", "secret rm", "key remove", "host remove"];
    assert_eq!(actions(&sandbox), all);
    by_hand(&sandbox).good();
    assert_eq!(sandbox.pkeys(&["log", "--verify"]).good(), "verified 8 entries, one unbroken chain\n");
    let text = log(&sandbox);
    assert!(!text.contains("hunter2"), "{text}");
    let fingerprint = sandbox.pkeys(&["log"]).good();
    assert!(fingerprint.contains("fingerprint=SHA256:") && fingerprint.contains("  ann  "), "{fingerprint}");
    assert!(
        fingerprint.contains("render        generation=") && fingerprint.contains(" host=web reasons=new"),
        "{fingerprint}"
    );
}

#[test]
fn who_is_gits_email_where_there_is_one() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path(".gitconfig"), "[user]\nemail = ann@example.org\n").unwrap();
    sandbox.host("web", &[]);
    assert!(log(&sandbox).contains("\"who\":\"ann@example.org\""), "{}", log(&sandbox));
}

#[test]
fn a_changed_or_removed_line_is_named_by_pkeys_and_found_by_hand() {
    let sandbox = Sandbox::new();
    (0..4).for_each(|n| sandbox.secret(&format!("s{n}"), b"1", &[]));
    let text = log(&sandbox);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for (bad, named) in [
        (text.replace("\"s1\"", "\"sX\""), "line 3 continues a line that is not there: line 2 was changed"),
        ([&lines[..1], &lines[2..]].concat().concat(), "line 2 continues a line that is not there"),
        (lines[1..].concat(), "line 1 continues a line that is not there: lines before it were removed"),
    ] {
        write_log(&sandbox, &bad);
        let ran = sandbox.pkeys(&["log", "--verify"]);
        assert!(ran.status == 1 && ran.out.contains(named) && ran.out.contains("git log -p audit.jsonl"), "{ran:?}");
        assert_eq!(by_hand(&sandbox).status, 1);
        let warned = sandbox.pkeys(&["log"]);
        assert!(warned.err.contains("pkeys log --verify"), "{warned:?}");
        // What is broken stays named, and does not stop the work.
        sandbox.secret("more", b"1", &[]);
        assert_eq!(sandbox.pkeys(&["log", "--verify"]).status, 1);
        sandbox.pkeys(&["secret", "rm", "more"]).good();
    }
    write_log(&sandbox, &text.replace("ann", "\\u001b[2Jann"));
    assert!(!sandbox.pkeys(&["log"]).good().contains('\x1b'));
}

#[test]
fn merged_branches_are_said_and_joined() {
    let sandbox = Sandbox::new();
    let git = |line: &str| {
        let script = format!(
            "set -e; export GIT_AUTHOR_NAME=a GIT_COMMITTER_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_EMAIL=a@b; {line}"
        );
        run_command(sandbox.command_of("sh").args(["-c", &script]), b"")
    };
    sandbox.secret("base", b"1", &[]);
    git("git init -qb main; echo 'audit.jsonl merge=union' > .gitattributes; git add .; git commit -qm base; git checkout -qb other").good();
    sandbox.secret("theirs", b"1", &[]);
    git("git add .; git commit -qm theirs; git checkout -q main").good();
    sandbox.secret("ours", b"1", &[]);
    sandbox.secret("ours2", b"1", &[]);
    git("git add .; git commit -qm ours; git merge -q -X ours other -m merge").good();
    let ran = sandbox.pkeys(&["log", "--verify"]);
    assert!(ran.status == 1 && ran.out.contains("two branches that both added lines were merged"), "{ran:?}");
    assert!(ran.out.contains("the next command that changes something joins the ends"), "{ran:?}");
    sandbox.secret("next", b"1", &[]);
    assert!(sandbox.pkeys(&["log", "--verify"]).good().contains("verified 5 entries"));
    assert!(log(&sandbox).lines().last().unwrap().contains("\"merges\":[\""), "{}", log(&sandbox));
}

#[test]
fn a_torn_line_is_removed_by_the_next_change_which_says_so() {
    let sandbox = Sandbox::new();
    sandbox.secret("a", b"1", &[]);
    sandbox.secret("b", b"1", &[]);
    let whole = log(&sandbox);
    write_log(&sandbox, &format!("{whole}{{\"time\":\"2026"));
    let ran = sandbox.pkeys(&["log", "--verify"]);
    assert!(ran.status == 1 && ran.out.contains("line 3 is unfinished: a run was killed"), "{ran:?}");
    sandbox.secret("c", b"1", &[]);
    sandbox.pkeys(&["log", "--verify"]).good();
    by_hand(&sandbox).good();
    assert!(log(&sandbox).starts_with(&whole) && log(&sandbox).contains("\"torn\":13,"), "{}", log(&sandbox));
    // Only the newline is missing: nothing is lost.
    write_log(&sandbox, log(&sandbox).trim_end());
    sandbox.secret("d", b"1", &[]);
    assert_eq!(actions(&sandbox).len(), 4);
    by_hand(&sandbox).good();
    // Git's marks of a conflict are no lines to build on.
    write_log(&sandbox, &format!("{whole}<<<<<<< HEAD\n=======\n>>>>>>> other\n"));
    let before = sandbox.snapshot();
    sandbox.pkeys_with(&["secret", "set", "e"], b"1").bad("audit.jsonl has a merge conflict", "merge=union");
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn what_cannot_be_logged_is_not_done() {
    let sandbox = Sandbox::new();
    let (_, key) = sandbox.ssh_key("joe", "ed25519");
    std::fs::create_dir(sandbox.repo().join("audit.jsonl")).unwrap();
    let before = sandbox.snapshot();
    for arguments in [
        &["key", "add", "joe", "laptop", "--public", &key][..],
        &["host", "add", "web", "--recipient", &key],
        &["secret", "set", "a"],
    ] {
        let ran = sandbox.pkeys_with(arguments, b"1");
        assert!(ran.status == 1 && ran.err.contains("audit.jsonl is not a regular file"), "{ran:?}");
    }
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn commands_at_the_same_time_make_one_chain() {
    let sandbox = Sandbox::new();
    let keys: Vec<_> = (0..8).map(|n| sandbox.ssh_key(&format!("k{n}"), "ed25519").1).collect();
    std::thread::scope(|scope| {
        for (number, key) in keys.iter().enumerate() {
            let sandbox = &sandbox;
            scope.spawn(move || {
                sandbox.pkeys(&["key", "add", "joe", &format!("k{number}"), "--public", key]).good();
            });
        }
    });
    let keys: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["key", "list", "--json"]).good()).unwrap();
    assert_eq!(keys.as_array().unwrap().len(), 8);
    assert!(sandbox.pkeys(&["log", "--verify"]).good().contains("verified 8 entries"));
    by_hand(&sandbox).good();
}

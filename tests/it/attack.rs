//! Attacks of somebody who can commit: what a command finds in the repository is not taken for what it made itself.

use crate::common::committer::{commit, copy, edit, other, text};
use crate::common::fleet::Fleet;
use crate::common::{Sandbox, root, run, run_command};

fn entry(user: &str, label: &str, public: &str) -> String {
    format!(
        "version = 1\n[[key]]\nuser = \"{user}\"\nlabel = \"{label}\"\nstate = \"active\"\npublic = \"{public}\"\nadded = 2026-01-01\n"
    )
}

fn git(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let name = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
    run_command(sandbox.command_of("git").args(name).args(arguments), b"").good()
}

/// A file as anybody can write it who has the repository: encrypted to its operators.
fn sealed(sandbox: &Sandbox, name: &str, value: &[u8]) {
    let recipient = std::fs::read_to_string(sandbox.path("config/identity.pub")).unwrap();
    let age = run_command(sandbox.command_of("age").args(["-r", recipient.trim(), "-o", "-"]), value);
    assert_eq!(age.status, 0, "{age:?}");
    let out = sandbox.path("sealed");
    let arguments = ["-r", recipient.trim(), "-o", out.to_str().unwrap()];
    run_command(sandbox.command_of("age").args(arguments), value).good();
    commit(sandbox, name, std::fs::read(out).unwrap());
}

/// What is public of the keys in a place.
fn dates(keys: &[&str]) -> String {
    let fingerprint = |public: &&str| {
        let said = run("ssh-keygen", &["-lf", "-"], format!("{public}\n").as_bytes()).good();
        said.split(' ').nth(1).unwrap().to_owned()
    };
    let entries: Vec<_> = keys
        .iter()
        .map(|public| {
            serde_json::json!({ "fingerprint": fingerprint(public), "public": public, "created": "2026-01-01" })
        })
        .collect();
    serde_json::json!({ "format": "pkeys-user-key/1", "keys": entries }).to_string()
}

fn public_of(sandbox: &Sandbox, label: &str) -> String {
    let keys: toml_edit::DocumentMut = text(sandbox, "keys.toml").parse().unwrap();
    let all = keys["key"].as_array_of_tables().unwrap();
    let key = all.iter().find(|key| key["label"].as_str() == Some(label)).unwrap();
    key["public"].as_str().unwrap().to_owned()
}

#[test]
fn a_rotation_takes_no_key_that_a_committer_put_beside_the_one_in_use() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--address", "root@127.0.0.1:1"]);
    sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    sandbox.manifest(text(&sandbox, "pkeys.toml").replace("[users.root]\nhosts = []", "[users.root]\nhosts = [\"*\"]"));
    sandbox.pkeys(&["render"]).good();
    let own = public_of(&sandbox, "laptop");
    // A committer moves the file of the key in use, which nobody but the operator can open, and puts another one there.
    let (private, mallory) = sandbox.ssh_key("mallory", "ed25519");
    let place = sandbox.repo().join("secrets/ssh-user-key.root.laptop.age");
    std::fs::rename(&place, place.with_file_name("ssh-user-key.root.laptop.previous.age")).unwrap();
    sealed(&sandbox, "secrets/ssh-user-key.root.laptop.age", &std::fs::read(private).unwrap());
    commit(&sandbox, "secrets/ssh-user-key.root.laptop.json", dates(&[&own, &mallory]));
    // The host cannot be reached: what was made before that counts.
    let ran = sandbox.pkeys(&["rotate", "root", "--yes"]);
    let body = mallory.split(' ').nth(1).unwrap();
    assert!(!text(&sandbox, "keys.toml").contains(body), "{ran:?}");
    sandbox.pkeys(&["render"]);
    assert!(!text(&sandbox, "bundles/web/manifest.json").contains(body));
    // A key of pkeys' own was made all the same.
    assert!(ran.err.contains("made a new key"), "{ran:?}");
}

#[test]
fn a_key_that_pkeys_makes_is_not_one_that_a_committer_had_put_there() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let (private, mallory) = sandbox.ssh_key("mallory", "ed25519");
    sealed(&sandbox, "secrets/ssh-user-key.root.laptop.age", &std::fs::read(private).unwrap());
    commit(&sandbox, "secrets/ssh-user-key.root.laptop.json", dates(&[&mallory]));
    sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    assert_ne!(public_of(&sandbox, "laptop").split(' ').nth(1), mallory.split(' ').nth(1));
    // The one that was made is kept, and can be read.
    sandbox.pkeys(&["check"]).good();
}

#[test]
fn the_escrow_is_sealed_to_no_recipient_that_nobody_has_accepted() {
    let sandbox = Sandbox::new();
    sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    let key = run("age-keygen", &[] as &[&str], b"").good();
    let mallory = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    edit(&sandbox, "[break-glass]\nrecipients = []", &format!("[break-glass]\nrecipients = [\"{mallory}\"]"));
    let ran = sandbox.pkeys(&["break-glass", "escrow"]);
    assert!(!sandbox.repo().join("break-glass/escrow.age").exists(), "{ran:?}");
    ran.bad("nobody has accepted on this machine: + break-glass recipient", "pkeys trust accept");
    sandbox.accept();
    sandbox.pkeys(&["break-glass", "escrow"]).good();
}

#[test]
fn a_host_key_that_pkeys_makes_is_not_an_old_one_that_somebody_put_back() {
    let sandbox = Sandbox::new();
    let files = ["age", "age.json", "age.json.sig"].map(|end| format!("secrets/ssh-host-key.web.{end}"));
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    let kept = files.clone().map(|file| (sandbox.read(&file), file));
    let recipient = |sandbox: &Sandbox| {
        let text = text(sandbox, "pkeys.toml");
        text.lines().find(|line| line.starts_with("recipients = [\"ssh-")).unwrap().to_owned()
    };
    let old = recipient(&sandbox);
    sandbox.pkeys(&["render"]).good();
    // Somebody was root there, so it goes; a committer puts back what git has of its key, signature and all.
    sandbox.pkeys(&["host", "remove", "web"]).good();
    kept.iter().for_each(|(bytes, file)| commit(&sandbox, file, bytes));
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    assert_ne!(recipient(&sandbox), old);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn a_new_repository_accepts_nothing_that_was_there_before_it() {
    let sandbox = Sandbox::empty();
    let (_, mallory) = sandbox.ssh_key("mallory", "ed25519");
    // Somebody knows that pkeys is about to be used here.
    commit(&sandbox, "keys.toml", entry("deploy", "zz", &mallory) + "hosts = [\"web\"]\n");
    let (_, laptop) = sandbox.ssh_key("laptop", "ed25519");
    commit(
        &sandbox,
        "hosts/web.nix",
        format!("{{ users.users.deploy.openssh.authorizedKeys.keys = [ \"{laptop}\" ]; }}\n"),
    );
    sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann"]).good();
    sandbox.host("web", &[]);
    sandbox.pkeys(&["adopt", "--yes"]).good();
    let ran = sandbox.pkeys(&["render"]);
    let bundle = std::fs::read_to_string(sandbox.repo().join("bundles/web/manifest.json")).unwrap_or_default();
    assert!(!bundle.contains(mallory.split(' ').nth(1).unwrap()), "{ran:?}");
    assert_eq!(ran.err.matches("web: + key SHA256:").count(), 1, "{ran:?}");
    ran.bad("others have added grants", "--accept");
}

/// A clone of the repository for another operator's machine that has accepted everything so far.
fn bob(sandbox: &Sandbox) -> std::path::PathBuf {
    let theirs = sandbox.path("theirs");
    copy(&sandbox.repo(), &theirs);
    copy(&sandbox.path("config"), &sandbox.path("bob-config"));
    other(sandbox, "bob", &theirs, &["trust", "accept", "--all"], b"").good();
    theirs
}

#[test]
fn a_machine_that_was_away_does_not_believe_a_branch_that_went_back() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let (_, lost) = sandbox.ssh_key("lost", "ed25519");
    let manifest = text(&sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n";
    sandbox.manifest(manifest);
    sandbox.pkeys(&["key", "add", "root", "lost", "--public", &lost]).good();
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["init", "-q"]);
    let save = |sandbox: &Sandbox, what: &str| {
        git(sandbox, &["add", "-A"]);
        git(sandbox, &["commit", "-qm", what]);
    };
    save(&sandbox, "one");
    // Another machine takes the key off, renders and commits. Then a committer brings everything back to what it was.
    let theirs = bob(&sandbox);
    other(&sandbox, "bob", &theirs, &["key", "remove", "root", "lost", "--force"], b"").good();
    other(&sandbox, "bob", &theirs, &["render"], b"").good();
    let one = git(&sandbox, &["rev-parse", "HEAD"]);
    copy(&theirs, &sandbox.repo());
    save(&sandbox, "two");
    git(&sandbox, &["checkout", "-q", one.trim(), "--", "bundles", "keys.toml", "pkeys.toml"]);
    sandbox.secret("other", b"1", &["web"]);
    save(&sandbox, "three");
    // This machine has seen nothing of it.
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("web: + key SHA256:"), "{ran:?}");
    ran.bad("others have added grants", "--accept");
}

#[test]
fn a_host_that_is_new_gets_no_older_value_than_others_have() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let files = ["age", "age.json", "age.json.sig"].map(|end| format!("secrets/a.{end}"));
    sandbox.secret("a", b"one", &["*"]);
    let first = files.clone().map(|file| (sandbox.read(&file), file));
    sandbox.pkeys(&["render"]).good();
    sandbox.secret("a", b"two", &[]);
    sandbox.pkeys(&["render"]).good();
    // On another machine, which has rendered nothing yet, the old value is there again.
    first.iter().for_each(|(bytes, file)| commit(&sandbox, file, bytes));
    let theirs = bob(&sandbox);
    let (_, key) = sandbox.ssh_key("db", "ed25519");
    other(&sandbox, "bob", &theirs, &["host", "add", "db", "--recipient", &key], b"").good();
    let ran = other(&sandbox, "bob", &theirs, &["render", "db"], b"");
    ran.bad("secret a: the local value is older than one that was rendered", "git pull");
}

#[test]
fn what_another_machine_took_out_does_not_come_along_with_a_new_host() {
    let sandbox = Sandbox::new();
    sandbox.manifest(text(&sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n");
    sandbox.host("web", &[]);
    let (_, carl) = sandbox.ssh_key("carl", "ed25519");
    sandbox.pkeys(&["key", "add", "root", "carl", "--public", &carl]).good();
    let with = text(&sandbox, "keys.toml");
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["init", "-q"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "one"]);
    let theirs = bob(&sandbox);
    other(&sandbox, "bob", &theirs, &["key", "remove", "root", "carl", "--force"], b"").good();
    other(&sandbox, "bob", &theirs, &["render"], b"").good();
    copy(&theirs, &sandbox.repo());
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "two"]);
    // Somebody enters him again before this machine has looked.
    commit(&sandbox, "keys.toml", with);
    git(&sandbox, &["commit", "-qam", "three"]);
    sandbox.host("db", &[]);
    let ran = sandbox.pkeys(&["render", "db"]);
    assert!(ran.err.contains("db: + key SHA256:"), "{ran:?}");
    ran.bad("others have added grants", "--accept");
}

#[test]
fn an_operator_whom_another_machine_removed_does_not_come_back() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let key = run("age-keygen", &[] as &[&str], b"").good();
    let carl = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    let before = text(&sandbox, "pkeys.toml");
    let with = before.replace("[operators]\n", &format!("[operators]\ncarl = [\"{carl}\"]\n"));
    sandbox.manifest(&with);
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["init", "-q"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "one"]);
    // Another machine removes him; somebody enters him again before this one has looked.
    commit(&sandbox, "pkeys.toml", &before);
    git(&sandbox, &["commit", "-qam", "two"]);
    commit(&sandbox, "pkeys.toml", &with);
    git(&sandbox, &["commit", "-qam", "three"]);
    let ran = sandbox.pkeys_with(&["secret", "set", "a"], b"1");
    ran.bad("nobody has accepted on this machine: + operator carl", "pkeys trust accept");
}

/// A secret for all hosts and a break-glass key on a branch, and a render on the main one; then both are merged.
fn two_branches() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "one"]);
    git(&sandbox, &["checkout", "-qb", "side"]);
    sandbox.secret("a", b"1", &["*"]);
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let sheets = memory.path().join("sheets");
    sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", sheets.to_str().unwrap()]).good();
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "side"]);
    git(&sandbox, &["checkout", "-q", "main"]);
    sandbox.pkeys(&["render", "--force"]).good();
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "main"]);
    git(&sandbox, &["merge", "-q", "-X", "ours", "side"]);
    sandbox
}

#[test]
fn what_waits_on_another_branch_is_not_forgotten() {
    let sandbox = two_branches();
    sandbox.host("db", &[]);
    sandbox.pkeys(&["render", "db"]).good();
}

#[test]
fn what_one_operator_rendered_on_two_branches_can_be_merged() {
    two_branches().pkeys(&["render"]).good();
}

#[test]
fn an_installation_gets_no_host_key_whose_recipient_nobody_has_accepted() {
    let sandbox = Sandbox::new();
    let files = ["age", "age.json", "age.json.sig"].map(|end| format!("secrets/ssh-host-key.web.{end}"));
    let recipients = |sandbox: &Sandbox| {
        let text = text(sandbox, "pkeys.toml");
        text.lines().find(|line| line.starts_with("recipients = [\"ssh-")).unwrap().to_owned()
    };
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    let (old, kept) = (recipients(&sandbox), files.clone().map(|file| (sandbox.read(&file), file)));
    sandbox.pkeys(&["host", "remove", "web"]).good();
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    // A committer puts the old key back in both places.
    kept.iter().for_each(|(bytes, file)| commit(&sandbox, file, bytes));
    edit(&sandbox, &recipients(&sandbox), &old);
    let to = sandbox.path("extra");
    let ran = sandbox.pkeys(&["host", "extra-files", "web", to.to_str().unwrap(), "--on-disk"]);
    ran.bad("nobody has accepted on this machine: + recipient", "pkeys trust accept");
    assert!(!to.exists());
}

#[test]
#[ignore = "not mended: only rendered values count"]
fn a_value_that_was_replaced_before_it_was_rendered_does_not_come_back() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let files = ["age", "age.json", "age.json.sig"].map(|end| format!("secrets/a.{end}"));
    sandbox.secret("a", b"one", &["web"]);
    let first = files.clone().map(|file| (sandbox.read(&file), file));
    sandbox.secret("a", b"two", &[]);
    first.iter().for_each(|(bytes, file)| commit(&sandbox, file, bytes));
    sandbox.pkeys(&["render"]).bad("the local value is older", "git pull");
}

#[test]
fn a_key_that_was_just_removed_does_not_come_back_by_an_old_bundle() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.manifest(text(&sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n");
    let (_, carl) = sandbox.ssh_key("carl", "ed25519");
    sandbox.pkeys(&["key", "add", "root", "carl", "--public", &carl]).good();
    sandbox.pkeys(&["render"]).good();
    let with = text(&sandbox, "keys.toml");
    sandbox.pkeys(&["key", "remove", "root", "carl", "--force"]).good();
    commit(&sandbox, "keys.toml", with);
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("web: + key SHA256:"), "{ran:?}");
}

#[test]
fn an_older_branch_of_ones_own_can_be_rendered() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"one", &["web"]);
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "one"]);
    git(&sandbox, &["checkout", "-qb", "side"]);
    sandbox.secret("c", b"two", &["web"]);
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "two"]);
    git(&sandbox, &["checkout", "-q", "main"]);
    sandbox.secret("b", b"1", &["web"]);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn a_render_that_was_thrown_away_can_be_done_again() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["init", "-q"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "one"]);
    sandbox.secret("a", b"1", &["web"]);
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["checkout", "-q", "bundles"]);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn what_one_operator_takes_out_and_puts_back_is_not_asked_about() {
    let sandbox = Sandbox::new();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    let save = |what: &str| {
        git(&sandbox, &["add", "-A"]);
        git(&sandbox, &["commit", "-qm", what]);
    };
    sandbox.host("web", &[]);
    sandbox.manifest(text(&sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n");
    let (_, laptop) = sandbox.ssh_key("laptop", "ed25519");
    let add = ["key", "add", "root", "laptop", "--public", &laptop];
    sandbox.pkeys(&add).good();
    sandbox.secret("a", b"1", &["*"]);
    save("one");
    sandbox.pkeys(&["key", "remove", "root", "laptop", "--force"]).good();
    sandbox.pkeys(&["secret", "rm", "a"]).good();
    save("two");
    sandbox.pkeys(&add).good();
    sandbox.secret("a", b"2", &["*"]);
    save("three");
    sandbox.pkeys(&["render"]).good();
    save("four");
    sandbox.pkeys(&["host", "remove", "web"]).good();
    save("five");
    sandbox.host("db", &[]);
    sandbox.pkeys(&["render"]).good();
    let (_, public) = sandbox.ssh_key("web2", "ed25519");
    sandbox.pkeys(&["host", "add", "web", "--recipient", &public]).good();
    save("six");
    sandbox.pkeys(&["render"]).good();
    // Commits that are made anew on top of others.
    git(&sandbox, &["commit", "-q", "--amend", "-m", "six, again"]);
    sandbox.host("mail", &[]);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn how_a_new_value_is_made_is_shown_before_it_is() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    sandbox.manifest(
        text(&sandbox, "pkeys.toml").replace("from = \"age:a\"", "from = \"age:a\"\ngenerate = { length = 40 }"),
    );
    sandbox.pkeys(&["render"]).good();
    // A committer who cannot read the value makes the next one easy to guess.
    edit(&sandbox, "length = 40", "length = 1");
    let ran = sandbox.pkeys(&["rotate", "--secret", "a", "--dry-run"]);
    assert!(ran.err.contains("a: new value, length 1, on 1 host: web"), "{ran:?}");
}

#[test]
fn who_prepares_a_reader_of_everything_does_not_keep_a_stolen_key_where_it_is() {
    if !root("real sshd servers") {
        return;
    }
    let fleet = Fleet::new(&["web"]);
    let (laptop, _) = fleet.sandbox.ssh_key("laptop", "ed25519");
    let (phone, public) = fleet.sandbox.ssh_key("phone", "ed25519");
    fleet.sandbox.pkeys_with(&["secret", "set", "first-key"], &std::fs::read(&laptop).unwrap()).good();
    fleet.sandbox.manifest(text(&fleet.sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--from", "age:first-key"]).good();
    fleet.sandbox.pkeys(&["key", "add", "root", "phone", "--public", &public]).good();
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.pkeys(&["push"]).good();
    assert!(fleet.login("web", &laptop) && fleet.login("web", &phone));
    // The thief can commit, too.
    let key = run("age-keygen", &[] as &[&str], b"").good();
    let mallory = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    edit(&fleet.sandbox, "[operators]\n", &format!("[operators]\nmallory = [\"{mallory}\"]\n"));
    edit(&fleet.sandbox, "recipients = [\"ssh-", &format!("recipients = [\"{mallory}\", \"ssh-"));
    let ran = fleet.pkeys(&["rotate", "root", "--key", "laptop", "--emergency", "--yes"]);
    assert!(!fleet.login("web", &laptop), "{ran:?}");
    assert!(ran.status != 0 && ran.err.contains("nobody has accepted on this machine: + operator mallory"), "{ran:?}");
}

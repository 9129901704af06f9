//! What a committer prepares and an operator's own command would take along: nothing of it is accepted unseen, and what the
//! operator alone has written is never asked about.

use crate::common::committer::{commit, copy, edit, other, text};
use crate::common::{Sandbox, run, run_command};

fn append(sandbox: &Sandbox, name: &str, more: &str) {
    let old = std::fs::read_to_string(sandbox.repo().join(name)).unwrap_or_else(|_| "version = 1\n".into());
    commit(sandbox, name, format!("{old}\n{more}\n"));
}

fn entry(user: &str, label: &str, public: &str, more: &str) -> String {
    format!(
        "[[key]]\nuser = \"{user}\"\nlabel = \"{label}\"\nstate = \"active\"\npublic = \"{public}\"\nadded = 2026-01-01\n{more}\n"
    )
}

/// Demands that a render names these and refuses, and that nothing else is new.
#[track_caller]
fn asked(sandbox: &Sandbox, lines: &[&str]) {
    let ran = sandbox.pkeys(&["render"]);
    for line in lines {
        assert!(ran.err.contains(line), "{line}: {ran:?}");
    }
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("  ")).count(), lines.len(), "{ran:?}");
    ran.bad("others have added grants", "--accept");
}

#[test]
fn a_new_host_gets_nothing_unseen_that_a_committer_had_prepared() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--tag", "server"]);
    sandbox.secret("own", b"1", &["tag:server"]);
    sandbox.secret("everywhere", b"1", &["*"]);
    sandbox.secret("token", b"1", &["web"]);
    sandbox.pkeys(&["render"]).good();
    let (_, mallory) = sandbox.ssh_key("mallory", "ed25519");
    // A committer: a secret of everybody, one more selector of a secret, a key and a user that wait for the tag.
    append(
        &sandbox,
        "pkeys.toml",
        "[secrets.bank]\nfrom = \"age:own\"\nhosts = [\"tag:new\"]\n\n[users.root]\nhosts = [\"tag:new\"]",
    );
    edit(&sandbox, "hosts = [\"web\"]", "hosts = [\"web\", \"tag:new\"]");
    append(&sandbox, "keys.toml", &entry("root", "zz", &mallory, ""));
    sandbox.pkeys(&["render"]).good();
    // The operator's own secrets come along; the others are named.
    sandbox.host("db", &["--tag", "new", "--tag", "server"]);
    asked(&sandbox, &["db: + secret bank from age:own", "db: + secret token from age:token", "db: + key SHA256:"]);
    let bundle = sandbox.repo().join("bundles/db");
    assert!(!bundle.exists());
    sandbox.pkeys(&["render", "--accept"]).good();
    // What was accepted for one host is not accepted for the next.
    sandbox.host("mail", &["--tag", "new"]);
    asked(
        &sandbox,
        &["mail: + secret bank from age:own", "mail: + secret token from age:token", "mail: + key SHA256:"],
    );
    sandbox.pkeys(&["trust", "accept", "--all"]).good();
    // But with all of the repository, its rules are.
    sandbox.host("more", &["--tag", "new"]);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn a_tag_that_a_committer_adds_is_asked_about_and_not_taken_for_the_operators() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("own", b"1", &["tag:prod"]);
    edit(&sandbox, "[hosts.web]\n", "[hosts.web]\ntags = [\"prod\"]\n");
    asked(&sandbox, &["web: + secret own from age:own"]);
}

#[test]
fn a_user_gets_no_waiting_key_of_a_committer_with_the_first_host() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.pkeys(&["render"]).good();
    let ((_, mallory), (_, laptop)) = (sandbox.ssh_key("mallory", "ed25519"), sandbox.ssh_key("laptop", "ed25519"));
    append(&sandbox, "keys.toml", &entry("deploy", "zz", &mallory, "hosts = [\"web\"]\n"));
    sandbox.pkeys(&["render"]).good();
    // Adopting makes the user known, with the key of the Nix file.
    std::fs::create_dir(sandbox.repo().join("hosts")).unwrap();
    let nix = format!("{{ users.users.deploy.openssh.authorizedKeys.keys = [ \"{laptop}\" ]; }}\n");
    commit(&sandbox, "hosts/web.nix", nix);
    sandbox.pkeys(&["adopt", "--yes"]).good();
    let ran = sandbox.pkeys(&["render"]);
    let fingerprint = run("ssh-keygen", &["-lf", sandbox.path("mallory.key.pub").to_str().unwrap()], b"").good();
    let fingerprint = fingerprint.split(' ').nth(1).unwrap().to_owned();
    assert!(ran.err.contains(&format!("web: + key {fingerprint} for deploy")), "{ran:?}");
    assert_eq!(ran.err.matches("+ key").count(), 1, "{ran:?}");
    ran.bad("others have added grants", "--accept");
}

#[test]
fn a_key_that_pkeys_makes_goes_to_no_vault_that_a_committer_named() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    append(&sandbox, "pkeys.toml", "[users.root]\nhosts = [\"web\"]\nstore = \"op://Shared\"");
    let ran = sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]);
    ran.bad("nobody has accepted on this machine: + vault Shared", "pkeys trust accept");
    assert!(!std::fs::read_to_string(sandbox.repo().join("keys.toml")).unwrap_or_default().contains("laptop"));
}

#[test]
fn the_source_of_a_secret_is_part_of_the_grant() {
    let sandbox = Sandbox::new();
    append(&sandbox, "pkeys.toml", "[sources.second]\nkind = \"age\"\ndirectory = \"secrets\"");
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    edit(&sandbox, "from = \"age:a\"", "from = \"age:a\"\nsource = \"local\"");
    sandbox.accept();
    sandbox.pkeys(&["render"]).good();
    edit(&sandbox, "source = \"local\"", "source = \"second\"");
    asked(&sandbox, &["web: + secret a from age:a of second"]);
}

#[test]
fn what_another_machine_took_back_does_not_return_by_what_this_one_had_accepted() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.pkeys(&["render"]).good();
    sandbox.manifest(text(&sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n");
    let theirs = sandbox.path("theirs");
    copy(&sandbox.path("config"), &sandbox.path("bob-config"));
    // Here a key is added, and there the bundle with it is made.
    let (_, key) = sandbox.ssh_key("lost", "ed25519");
    sandbox.pkeys(&["key", "add", "root", "lost", "--public", &key]).good();
    let with_key = text(&sandbox, "keys.toml");
    copy(&sandbox.repo(), &theirs);
    other(&sandbox, "bob", &theirs, &["trust", "accept", "--all"], b"").good();
    other(&sandbox, "bob", &theirs, &["render"], b"").good();
    other(&sandbox, "bob", &theirs, &["key", "remove", "root", "lost", "--force"], b"").good();
    other(&sandbox, "bob", &theirs, &["render"], b"").good();
    copy(&theirs, &sandbox.repo());
    commit(&sandbox, "keys.toml", with_key);
    asked(&sandbox, &["web: + key SHA256:"]);
}

#[test]
fn a_break_glass_recipient_that_was_removed_does_not_stay_as_a_hosts_own() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let key = run("age-keygen", &[] as &[&str], b"").good();
    let old = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let text = text(&sandbox, "pkeys.toml");
    sandbox
        .manifest(text.replace("[break-glass]\nrecipients = []", &format!("[break-glass]\nrecipients = [\"{old}\"]")));
    sandbox.pkeys(&["render"]).good();
    // It is rotated out; a committer writes it where it is only one of many.
    edit(&sandbox, &format!("[break-glass]\nrecipients = [\"{old}\"]"), "[break-glass]\nrecipients = []");
    edit(&sandbox, "recipients = [\"ssh-ed25519", &format!("recipients = [\"{old}\", \"ssh-ed25519"));
    asked(&sandbox, &[&format!("web: + recipient {old}")]);
}

#[test]
fn a_signer_who_was_removed_signs_no_local_secret_any_more() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"ann's", &["web"]);
    let bob = |arguments: &[&str], input: &[u8]| other(&sandbox, "bob", &sandbox.repo(), arguments, input);
    bob(&["init", "--no-passphrase", "--name", "bob"], b"").good();
    bob(&["trust", "accept", "--all"], b"").good();
    sandbox.accept();
    bob(&["secret", "set", "b", "--host", "web"], b"bob's").good();
    sandbox.pkeys(&["secret", "rekey"]).good();
    sandbox.pkeys(&["render", "--accept"]).good();
    let kept = |name: &str| ["age", "age.json", "age.json.sig"].map(|end| (format!("secrets/{name}.{end}"), end));
    // He goes. What he had signed is asked about once; it keeps its version, so nothing is rendered anew.
    bob(&["secret", "set", "b"], b"bob's second").good();
    sandbox.pkeys(&["render"]).good();
    for line in text(&sandbox, "pkeys.toml").lines().filter(|line| line.starts_with("bob = ")) {
        edit(&sandbox, &format!("{line}\n"), "");
    }
    let generation = sandbox.generation("web");
    asked(&sandbox, &["+ value of b that no accepted signer signed"]);
    sandbox.pkeys(&["render", "--accept"]).good();
    assert_eq!(sandbox.generation("web"), generation);
    sandbox.pkeys(&["render"]).good();
    // Ann has signed it; ssh-keygen agrees.
    let signer = std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap();
    std::fs::write(sandbox.path("signers"), format!("ann {signer}")).unwrap();
    let verify =
        "ssh-keygen -Y verify -f ../signers -I ann -n pkeys-secret -s secrets/b.age.json.sig < secrets/b.age.json";
    run_command(sandbox.command_of("sh").args(["-c", verify]), b"").good();
    // He still commits, with his old clone and key.
    let clone = sandbox.path("clone");
    run("cp", &["-r", sandbox.repo().to_str().unwrap(), clone.to_str().unwrap()], b"").good();
    let signers = std::fs::read_to_string(clone.join("pkeys.toml")).unwrap();
    let key = std::fs::read_to_string(sandbox.path("bob-config/signing-key.pub")).unwrap();
    let signers = signers.replace("[signers]\n", &format!("[signers]\nbob = \"{}\"\n", key.trim()));
    std::fs::write(clone.join("pkeys.toml"), signers).unwrap();
    other(&sandbox, "bob", &clone, &["trust", "accept", "--all"], b"").good();
    other(&sandbox, "bob", &clone, &["secret", "set", "b"], b"forged").good();
    for (name, _) in kept("b") {
        std::fs::copy(clone.join(&name), sandbox.repo().join(&name)).unwrap();
    }
    asked(&sandbox, &["+ value of b that no accepted signer signed"]);
    sandbox.pkeys(&["secret", "show", "b"]).bad("", "pkeys trust accept");
}

#[test]
fn an_old_value_does_not_come_back_through_a_new_host_or_a_forged_number() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let files = |name: &str| ["age", "age.json", "age.json.sig"].map(|end| format!("secrets/{name}.{end}"));
    let kept = |name: &str| files(name).map(|file| (sandbox.read(&file), file));
    sandbox.secret("a", b"one", &["web"]);
    let first = kept("a");
    sandbox.pkeys(&["render"]).good();
    sandbox.secret("a", b"two", &[]);
    sandbox.pkeys(&["render"]).good();
    // A host that never had it takes no older one either.
    let second = kept("a");
    first.iter().for_each(|(bytes, file)| commit(&sandbox, file, bytes));
    sandbox.host("db", &[]);
    sandbox.pkeys(&["secret", "grant", "a", "--host", "db"]);
    sandbox.pkeys_with(&["secret", "set", "b", "--host", "db"], b"b").good();
    append(&sandbox, "pkeys.toml", "[secrets.copy]\nfrom = \"age:a\"\nhosts = [\"db\"]");
    sandbox.accept();
    sandbox
        .pkeys(&["render", "db"])
        .bad("secret copy: the local value is older than one that was rendered", "git pull");
    second.iter().for_each(|(bytes, file)| commit(&sandbox, file, bytes));
    sandbox.pkeys(&["render"]).good();
    // The number of the next version follows from what was signed, not from what somebody wrote, and conflict marks do not
    // keep a secret from being set.
    let version = |name: &str| {
        let statement: serde_json::Value =
            serde_json::from_slice(&sandbox.read(&format!("secrets/{name}.age.json"))).unwrap();
        statement["version"].as_str().unwrap().split('-').next().unwrap().parse::<u64>().unwrap()
    };
    for spoiled in [
        text(&sandbox, "secrets/a.age.json").replace("\"2-", "\"9007199254740991-"),
        "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n".into(),
    ] {
        let before = version("a");
        commit(&sandbox, "secrets/a.age.json", spoiled);
        sandbox.secret("a", b"next", &[]);
        assert_eq!(version("a"), before + 1);
        sandbox.pkeys(&["render"]).good();
    }
    // Nor does it start again when the secret goes and comes back.
    let before = version("a");
    sandbox.pkeys(&["secret", "rm", "a", "--force"]);
    files("a").iter().for_each(|file| drop(std::fs::remove_file(sandbox.repo().join(file))));
    sandbox.secret("a", b"again", &[]);
    assert_eq!(version("a"), before + 1);
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn many_harmless_lines_do_not_hide_the_one_that_matters() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("a", b"1", &["web"]);
    sandbox.pkeys(&["render"]).good();
    sandbox.host("idle", &[]);
    let (_, mallory) = sandbox.ssh_key("mallory", "ed25519");
    for number in 0..60 {
        append(&sandbox, "pkeys.toml", &format!("[secrets.s{number}]\nfrom = \"age:a\"\nhosts = [\"idle\"]"));
    }
    append(&sandbox, "pkeys.toml", "[users.root]\nhosts = [\"web\"]");
    append(&sandbox, "keys.toml", &entry("root", "zz", &mallory, ""));
    let before = sandbox.snapshot();
    let said = sandbox.pkeys_typing(&["render"], &["y", "n"]);
    let first: Vec<_> = said.out.lines().take(2).collect();
    assert!(first[1].contains("web: + key SHA256:"), "{said:?}");
    assert!(
        said.out.contains("Accept these 40 (part 1 of 2)?") && said.out.contains("Accept these 21 (part 2 of 2)?"),
        "{said:?}"
    );
    assert!(said.status == 1 && said.out.contains("not accepted; nothing changed"), "{said:?}");
    assert_eq!(sandbox.snapshot(), before);
    let said = sandbox.pkeys_typing(&["render"], &["y", "n"]);
    assert!(said.out.contains("part 1 of 2"), "a part is not accepted alone: {said:?}");
    // One line for what several hosts would get.
    append(&sandbox, "pkeys.toml", "[secrets.both]\nfrom = \"age:a\"\nhosts = [\"*\"]");
    let ran = sandbox.pkeys(&["render", "--dry-run"]);
    assert!(ran.err.contains("  web: + secret both") || ran.err.contains("  idle, web: + secret both"), "{ran:?}");
}

#[test]
fn a_name_of_a_signer_or_operator_is_a_plain_one() {
    let sandbox = Sandbox::new();
    let old = text(&sandbox, "pkeys.toml");
    for name in ["\"ann bob\"", "\"ann\\nsigner bob\"", "\"\"", "\"a\\u001b[2Jb\""] {
        for table in ["[signers]\n", "[operators]\n"] {
            let value = if table == "[signers]\n" { "\"ssh-ed25519 AAAA\"" } else { "[]" };
            commit(&sandbox, "pkeys.toml", old.replace(table, &format!("{table}{name} = {value}\n")));
            sandbox.pkeys(&["check"]).bad("that is not a signer or operator name", "docs/manifest.md");
        }
    }
    let ran = sandbox.pkeys(&["init", "--no-passphrase", "--name", "a b"]);
    assert!(ran.status == 2 && ran.err.contains("that is not a signer or operator name"), "{ran:?}");
}

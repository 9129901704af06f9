//! What somebody who can commit, and holds no key, can make an operator do: nothing without being named.

use crate::common::committer::{commit, edit, text};
use crate::common::{Sandbox, run, run_command};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A repository with a host, a secret and a key, rendered.
fn rendered() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"good", &["web"]);
    let text = text(&sandbox, "pkeys.toml") + "\n[users.root]\nhosts = [\"*\"]\n";
    sandbox.manifest(text);
    let (_, public) = sandbox.ssh_key("laptop", "ed25519");
    sandbox.pkeys(&["key", "add", "root", "laptop", "--public", &public]).good();
    sandbox.pkeys(&["render"]).good();
    sandbox
}

fn age_key() -> String {
    let key = run("age-keygen", &[] as &[&str], b"").good();
    key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
}

fn git(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    run_command(Command::new("git").args(who).arg("-C").arg(sandbox.repo()).args(arguments), b"").good()
}

/// A bundle that a committer made with age, tar and a signing key of their own.
fn forged(sandbox: &Sandbox, host: &str, generation: u64) {
    let directory = sandbox.repo().join("bundles").join(host);
    let mut manifest: Value = serde_json::from_slice(&sandbox.read(&format!("bundles/{host}/manifest.json"))).unwrap();
    let work = sandbox.path("forged");
    std::fs::create_dir_all(work.join("secrets")).unwrap();
    std::fs::write(work.join("secrets/token"), "forged").unwrap();
    let host_key = sandbox.path(&format!("{host}.key.pub"));
    let script = format!(
        "cd {} && tar --format=ustar -c secrets/token | age -R {} > {}/secrets.age",
        work.display(),
        host_key.display(),
        directory.display()
    );
    run("sh", &["-c", &script], b"").good();
    let payload = std::fs::read(directory.join("secrets.age")).unwrap();
    let sum = run("sha256sum", &[directory.join("secrets.age")], b"").good();
    manifest["payload"]["sha256"] = sum.split(' ').next().unwrap().into();
    manifest["payload"]["size"] = payload.len().into();
    manifest["generation"] = generation.into();
    std::fs::write(directory.join("manifest.json"), serde_json::to_string_pretty(&manifest).unwrap() + "\n").unwrap();
    let key = sandbox.path("mallory.key");
    let _ = std::fs::remove_file(directory.join("manifest.json.sig"));
    let sign = ["-Y", "sign", "-n", "pkeys-bundle", "-f", key.to_str().unwrap()];
    let path = directory.join("manifest.json");
    run("ssh-keygen", &[&sign[..], &[path.to_str().unwrap()]].concat(), b"").good();
}

#[test]
fn a_payload_that_a_committer_signed_is_not_signed_again() {
    let sandbox = rendered();
    let (_, mallory) = sandbox.ssh_key("mallory", "ed25519");
    edit(&sandbox, "[signers]\n", &format!("[signers]\nmallory = \"{mallory}\"\n"));
    forged(&sandbox, "web", sandbox.generation("web") + 5);
    let payload = sandbox.read("bundles/web/secrets.age");
    // The operator changes a user's key, which leaves the payload of a valid bundle as it is.
    let (_, phone) = sandbox.ssh_key("phone", "ed25519");
    sandbox.pkeys(&["key", "add", "root", "phone", "--public", &phone]).good();
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("+ signer mallory SHA256:"), "{ran:?}");
    ran.bad("the trust set of this fleet is not accepted", "pkeys trust accept");
    // Not even --accept takes a new signer in.
    sandbox.pkeys(&["render", "--accept"]).bad("the trust set of this fleet is not accepted", "pkeys trust accept");
    // With the line taken out again, the value is read and sealed anew.
    edit(&sandbox, &format!("mallory = \"{mallory}\"\n"), "");
    let ran = sandbox.pkeys(&["render", "--accept"]);
    assert!(ran.out.contains("which is not a trusted signer"), "{ran:?}");
    ran.good();
    assert_ne!(sandbox.read("bundles/web/secrets.age"), payload);
    let key = sandbox.path("web.key");
    let opened = format!("age -d -i {} bundles/web/secrets.age | tar -xO secrets/token", key.display());
    assert_eq!(run_command(sandbox.command_of("sh").args(["-c", &opened]), b"").good(), "good");
}

#[test]
fn each_grant_that_somebody_else_wrote_is_named_and_asked_for_once() {
    let sandbox = rendered();
    let recipient = age_key();
    let (_, key) = sandbox.ssh_key("mallory", "ed25519");
    edit(&sandbox, "recipients = [\"ssh-ed25519", &format!("recipients = [\"{recipient}\", \"ssh-ed25519"));
    edit(
        &sandbox,
        "[users.root]",
        "[secrets.bank]\nfrom = \"op://Private/Bank/password\"\nhosts = [\"web\"]\n\n[users.root]",
    );
    let keys = text(&sandbox, "keys.toml");
    let added = format!(
        "\n[[key]]\nuser = \"root\"\nlabel = \"zz\"\nstate = \"active\"\npublic = \"{key}\"\nadded = 2026-01-01\n"
    );
    commit(&sandbox, "keys.toml", keys + &added);
    let before = sandbox.snapshot();
    let ran = sandbox.pkeys(&["render"]);
    for line in [
        "+ vault Private of connect OP_CONNECT_HOST",
        &format!("web: + recipient {recipient}"),
        "web: + secret bank from op://Private/Bank/password",
        "web: + key SHA256:",
    ] {
        assert!(ran.err.contains(line), "{line}: {ran:?}");
    }
    ran.bad("others have added grants", "--accept");
    assert_eq!(sandbox.snapshot(), before);
    assert!(sandbox.pkeys(&["render", "--dry-run"]).err.contains("web: + recipient"));
    // On a terminal it asks, and a no changes nothing.
    let said = sandbox.pkeys_typing(&["render"], &["n"]);
    assert!(said.status == 1 && said.out.contains("not accepted; nothing changed"), "{said:?}");
    assert_eq!(sandbox.snapshot(), before);
    // A yes is remembered.
    edit(&sandbox, "[secrets.bank]\nfrom = \"op://Private/Bank/password\"\nhosts = [\"web\"]\n", "");
    let said = sandbox.pkeys_typing(&["render"], &["y"]);
    assert!(said.status == 0 && said.out.contains("Accept all of this?"), "{said:?}");
    sandbox.pkeys(&["render", "--force"]).good();
}

#[test]
fn a_new_reader_of_everything_is_always_asked_for() {
    let sandbox = rendered();
    let recipient = age_key();
    edit(&sandbox, "[break-glass]\nrecipients = []", &format!("[break-glass]\nrecipients = [\"{recipient}\"]"));
    let ran = sandbox.pkeys(&["render", "--accept"]);
    assert!(ran.err.contains(&format!("+ break-glass recipient {recipient}")), "{ran:?}");
    ran.bad("the trust set of this fleet is not accepted", "pkeys trust accept");
    // Nor does a local secret go to one.
    sandbox.pkeys_with(&["secret", "set", "other"], b"x").bad("+ break-glass recipient", "pkeys trust accept");
    edit(&sandbox, &recipient, "");
    edit(&sandbox, "recipients = [\"\"]", "recipients = []");
    edit(&sandbox, "[operators]\n", &format!("[operators]\nmallory = [\"{recipient}\"]\n"));
    sandbox.pkeys(&["secret", "rekey"]).bad("+ operator mallory", "pkeys trust accept");
}

#[test]
fn a_local_secret_that_somebody_replaced_is_refused() {
    let sandbox = rendered();
    let operator = text(&sandbox, "pkeys.toml");
    let operator = operator.lines().find_map(|line| line.strip_prefix("ann = [\"")).unwrap().trim_end_matches("\"]");
    let old = (
        sandbox.read("secrets/token.age"),
        sandbox.read("secrets/token.age.json"),
        sandbox.read("secrets/token.age.json.sig"),
    );
    let forged = run("age", &["-r", operator], b"forged").status;
    assert_eq!(forged, 0);
    let file = run_command(
        Command::new("sh").args([
            "-c",
            &format!("printf forged | age -r {operator} -o {}", sandbox.repo().join("secrets/token.age").display()),
        ]),
        b"",
    );
    file.good();
    let ran = sandbox.pkeys(&["render", "--force"]);
    assert!(ran.err.contains("+ value of token that no accepted signer signed"), "{ran:?}");
    ran.bad("others have added grants", "--accept");
    sandbox.pkeys(&["secret", "show", "token"]).bad("token.age is not the file that was signed", "pkeys trust accept");
    // A statement that is about another secret does not help.
    sandbox.secret("other", b"x", &[]);
    for name in ["age", "age.json", "age.json.sig"] {
        let from = sandbox.repo().join(format!("secrets/other.{name}"));
        std::fs::copy(from, sandbox.repo().join(format!("secrets/token.{name}"))).unwrap();
    }
    sandbox.pkeys(&["render", "--force"]).bad("others have added grants", "--accept");
    // ssh-keygen verifies the statements.
    let (cipher, statement, signature) = &old;
    commit(&sandbox, "secrets/token.age", cipher);
    commit(&sandbox, "secrets/token.age.json", statement);
    commit(&sandbox, "secrets/token.age.json.sig", signature);
    let signer = std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap();
    std::fs::write(sandbox.path("signers"), format!("ann {signer}")).unwrap();
    let verify = "ssh-keygen -Y verify -f ../signers -I ann -n pkeys-secret -s secrets/token.age.json.sig < secrets/token.age.json";
    run_command(sandbox.command_of("sh").args(["-c", verify]), b"").good();
    sandbox.pkeys(&["render", "--force"]).good();
    // An older value that was signed then does not come back behind a newer one.
    sandbox.secret("token", b"better", &[]);
    sandbox.pkeys(&["render"]).good();
    sandbox.secret("token", b"best", &[]);
    let second = ["age", "age.json", "age.json.sig"].map(|name| (name, sandbox.read(&format!("secrets/token.{name}"))));
    sandbox.pkeys(&["render"]).good();
    sandbox.secret("token", b"newest", &[]);
    sandbox.pkeys(&["render"]).good();
    for (name, bytes) in second {
        commit(&sandbox, &format!("secrets/token.{name}"), bytes);
    }
    sandbox.pkeys(&["render"]).bad("the local value is older than one that was rendered", "git pull");
}

#[test]
fn a_private_key_is_no_secret_under_any_name() {
    let sandbox = rendered();
    sandbox.pkeys(&["key", "add", "root", "phone", "--generate"]).good();
    edit(
        &sandbox,
        "[users.root]",
        "[secrets.x]\nfrom = \"age:ssh-user-key.root.phone\"\nhosts = [\"web\"]\n\n[users.root]",
    );
    sandbox.pkeys(&["render", "--accept"]).bad("age:ssh-user-key.root.phone is a private key", "pkeys secret set");
    edit(&sandbox, "age:ssh-user-key.root.phone", "age:copy");
    std::fs::copy(sandbox.repo().join("secrets/ssh-user-key.root.phone.age"), sandbox.repo().join("secrets/copy.age"))
        .unwrap();
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("+ value of copy that no accepted signer signed"), "{ran:?}");
    ran.bad("others have added grants", "--accept");
    edit(&sandbox, "[secrets.x]\nfrom = \"age:copy\"\nhosts = [\"web\"]\n", "");
    edit(&sandbox, "[hosts.web]\n", "[hosts.web]\nnext-host-key = \"age:ssh-user-key.root.phone\"\n");
    sandbox.pkeys(&["render", "--accept"]).bad("age:ssh-user-key.root.phone is a private key", "");
}

#[test]
fn generations_never_fall_and_a_branch_that_went_back_is_not_believed() {
    let sandbox = rendered();
    git(&sandbox, &["init", "-q", "."]);
    git(&sandbox, &["add", "."]);
    git(&sandbox, &["commit", "-qm", "first"]);
    let first = sandbox.generation("web");
    // The key is taken away, rendered, committed.
    sandbox.pkeys(&["key", "remove", "root", "laptop", "--force"]).good();
    sandbox.pkeys(&["render"]).good();
    git(&sandbox, &["commit", "-qam", "second"]);
    let second = sandbox.generation("web");
    assert!(second > first);
    // A committer brings back the bundle and keys.toml of before: the old bundle grants nothing any more.
    git(&sandbox, &["checkout", "-q", "HEAD~1", "--", "bundles", "keys.toml"]);
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("web: + key SHA256:"), "{ran:?}");
    ran.bad("others have added grants", "--accept");
    assert!(sandbox.pkeys(&["status"]).out.contains("older than generation"), "{:?}", sandbox.pkeys(&["status"]));
    git(&sandbox, &["checkout", "-q", "HEAD", "--", "keys.toml"]);
    // A deleted directory, conflict marks, a number out of reach by a stranger: the next render is above, and asks for nothing.
    let (_, _) = sandbox.ssh_key("mallory", "ed25519");
    let spoils: [&dyn Fn(); 4] = [
        &|| std::fs::remove_dir_all(sandbox.repo().join("bundles")).unwrap(),
        &|| commit(&sandbox, "bundles/web/manifest.json", "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n"),
        &|| forged(&sandbox, "web", 1 << 53),
        &|| commit(&sandbox, "bundles/web/manifest.json.sig", ""),
    ];
    let mut last = second;
    for spoil in spoils {
        git(&sandbox, &["checkout", "-q", "HEAD", "--", "bundles"]);
        spoil();
        sandbox.pkeys(&["render"]).good();
        let now = sandbox.generation("web");
        assert!(now > last && now < 1 << 52, "{now} after {last}");
        last = now;
        git(&sandbox, &["add", "bundles"]);
        git(&sandbox, &["commit", "-qm", "next"]);
    }
    // Nor does it fall for a host that goes and comes back.
    let recipient = std::fs::read_to_string(sandbox.path("web.key.pub")).unwrap();
    sandbox.pkeys(&["host", "remove", "web"]).good();
    sandbox.pkeys(&["host", "add", "web", "--recipient", recipient.trim()]).good();
    sandbox.pkeys(&["render", "--accept"]).good();
    assert!(sandbox.generation("web") > last);
}

#[test]
fn another_machine_confirms_one_fingerprint() {
    let sandbox = rendered();
    let shown = sandbox.pkeys(&["--json", "trust", "show"]).good();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let fingerprint = shown["fingerprint"].as_str().unwrap();
    let other = Sandbox::empty();
    run("cp", &["-rT", sandbox.repo().to_str().unwrap(), other.repo().to_str().unwrap()], b"").good();
    run("cp", &["-r", sandbox.path("config").to_str().unwrap(), other.path("config").to_str().unwrap()], b"").good();
    other.pkeys(&["verify"]).bad("no signer of pkeys.toml is accepted on this machine", "pkeys trust show");
    let ran = other.pkeys(&["render", "--force"]);
    assert!(ran.err.contains(&format!("Trust set of this fleet: {fingerprint}")), "{ran:?}");
    ran.bad("the trust set of this fleet is not accepted", "pkeys trust accept FINGERPRINT");
    let wrong = format!("{}A", &fingerprint[..fingerprint.len() - 1]);
    other.pkeys(&["trust", "accept", &wrong]).bad("the trust set of this repository is another", "up to date");
    other.pkeys(&["trust", "accept", fingerprint]).good();
    // What an accepted signer's bundle grants is not asked for again.
    other.pkeys(&["render", "--force"]).good();
    other.pkeys(&["verify"]).good();
}

#[test]
fn pins_are_never_taken_from_the_repository_and_a_job_gets_its_own() {
    let sandbox = rendered();
    let pins = sandbox.pkeys(&["trust", "export"]).good();
    std::fs::write(sandbox.path("pins.json"), &pins).unwrap();
    commit(&sandbox, "pins.json", &pins);
    let job = |pins: &Path, arguments: &[&str]| {
        run_command(
            sandbox.command().env("PKEYS_STATE_DIR", sandbox.path("nothing")).env("PKEYS_PINS", pins).args(arguments),
            b"",
        )
    };
    job(&sandbox.repo().join("pins.json"), &["render"]).bad("are inside the repository", "outside");
    std::os::unix::fs::symlink(sandbox.repo().join("pins.json"), sandbox.path("link.json")).unwrap();
    job(&sandbox.path("link.json"), &["render"]).bad("are inside the repository", "outside");
    job(&sandbox.path("none.json"), &["render"]).bad("no pins at", "pkeys trust export");
    // A job renders what changed in the sources, and no new grant.
    sandbox.secret("token", b"better", &[]);
    sandbox.pkeys(&["render"]).good();
    job(&sandbox.path("pins.json"), &["render", "--force"]).good();
    assert!(!sandbox.path("nothing/fleets").exists());
    assert_eq!(std::fs::read_to_string(sandbox.path("pins.json")).unwrap(), pins, "only read");
    edit(&sandbox, "[users.root]", "[secrets.x]\nfrom = \"age:token\"\nhosts = [\"web\"]\n\n[users.root]");
    job(&sandbox.path("pins.json"), &["render"]).bad("others have added grants", "--accept");
}

#[test]
fn what_pkeys_itself_wrote_is_never_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--tag", "server"]);
    sandbox.secret("a", b"1", &["tag:server"]);
    sandbox.pkeys(&["secret", "generate", "b", "--host", "web"]).good();
    sandbox.pkeys(&["render"]).good();
    sandbox.host("db", &["--tag", "server"]);
    sandbox.pkeys(&["host", "add", "mail", "--generate", "--tag", "server"]).good();
    sandbox.pkeys(&["render"]).good();
    let (_, key) = sandbox.ssh_key("ann", "ed25519");
    sandbox.pkeys(&["key", "add", "root", "laptop", "--public", &key]).good();
    sandbox.pkeys(&["render"]).good();
    // What was taken away again has to be granted anew.
    sandbox.secret("c", b"1", &["web"]);
    sandbox.pkeys(&["secret", "rm", "c"]).good();
    let text = text(&sandbox, "pkeys.toml") + "\n[secrets.c]\nfrom = \"age:a\"\nhosts = [\"web\"]\n";
    commit(&sandbox, "pkeys.toml", text);
    sandbox.pkeys(&["render"]).bad("others have added grants", "--accept");
}

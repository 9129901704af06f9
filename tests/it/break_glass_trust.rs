//! What a committer can do before the worst day, and what `break-glass` makes of it: machines without pins, and the sheet.

use crate::common::page::{anchors, between, rows};
use crate::common::{Ran, Sandbox, run, run_command};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An operator's repository in git, with a host, a user's key and a break-glass key; what is typed of the sheet.
struct Fleet {
    sandbox: Sandbox,
    memory: tempfile::TempDir,
    key: String,
    lines: String,
}

impl Fleet {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(init: &[&str]) -> Self {
        let (sandbox, memory) = (Sandbox::new(), tempfile::tempdir_in("/dev/shm").unwrap());
        sandbox.host("web", &[]);
        sandbox.secret("token", b"hunter2", &["web"]);
        let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
        sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
        sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
        let sheets = memory.path().join("sheets");
        let arguments = [&["break-glass", "init", "--yes", "--sheets", sheets.to_str().unwrap()], init].concat();
        sandbox.pkeys(&arguments).good();
        let first = if init.is_empty() { "sheet.html" } else { "share-1.html" };
        let page = std::fs::read_to_string(sheets.join(first)).unwrap();
        let fleet = Self { key: key_lines(&page), lines: anchors(&page), sandbox, memory };
        fleet.sh("git init -q && git add -A && git commit -qm first");
        fleet
    }

    fn place(&self, name: &str) -> PathBuf {
        self.memory.path().join(name)
    }

    fn typed(&self) -> String {
        format!("{}{}", self.key, self.lines)
    }

    fn sh(&self, script: &str) -> String {
        sh(&self.sandbox, script)
    }

    /// A clone on a machine where nothing was ever accepted, after a committer has been there.
    fn after(&self, attack: &dyn Fn(&Mallory)) -> Sandbox {
        let other = Sandbox::empty();
        std::fs::remove_dir_all(other.repo()).unwrap();
        let (from, to) = (self.sandbox.repo(), other.repo());
        run_command(Command::new("cp").arg("-r").arg(from).arg(to), b"").good();
        attack(&Mallory::new(&other));
        other
    }
}

fn sh(sandbox: &Sandbox, script: &str) -> String {
    let mut shell = sandbox.command_of("sh");
    for (name, value) in [("GIT_AUTHOR_NAME", "x"), ("GIT_AUTHOR_EMAIL", "x"), ("GIT_COMMITTER_NAME", "x")] {
        shell.env(name, value);
    }
    run_command(shell.env("GIT_COMMITTER_EMAIL", "x").args(["-ec", script]), b"").good()
}

fn key_lines(page: &str) -> String {
    rows(page).iter().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).collect()
}

/// Somebody who can commit, and has no key of this fleet.
struct Mallory<'a> {
    sandbox: &'a Sandbox,
    key: PathBuf,
    public: String,
    /// Her age recipient.
    recipient: String,
}

impl<'a> Mallory<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let (key, public) = sandbox.ssh_key("mallory", "ed25519");
        let identity = run("age-keygen", &[] as &[&str], b"").good();
        let recipient = run("age-keygen", &["-y"], identity.as_bytes()).good().trim().to_owned();
        Self { sandbox, key, public, recipient }
    }

    fn edit(&self, file: &str, change: impl Fn(String) -> String) {
        let path = self.sandbox.repo().join(file);
        let old = std::fs::read_to_string(&path).unwrap();
        let new = change(old.clone());
        assert_ne!(old, new, "{file}");
        std::fs::write(path, new).unwrap();
    }

    /// Signs a file as `ssh-keygen` does it.
    fn sign(&self, namespace: &str, file: &str) {
        let signature = self.sandbox.repo().join(format!("{file}.sig"));
        std::fs::remove_file(&signature).unwrap();
        let arguments = ["-q", "-Y", "sign", "-n", namespace, "-f", self.key.to_str().unwrap()];
        run_command(self.sandbox.command_of("ssh-keygen").args(arguments).arg(file), b"").good();
    }

    /// Becomes a signer of `pkeys.toml`.
    fn becomes_signer(&self) {
        self.edit("pkeys.toml", |text| {
            text.replace("[signers]\n", &format!("[signers]\nmallory = \"{}\"\n", self.public))
        });
    }

    /// Puts a bundle of her own in the place of the host's: her value, her key for root.
    fn replaces_bundle(&self) {
        let break_glass = self.break_glass();
        let script = format!(
            "mkdir secrets.d && cd secrets.d && mkdir secrets && printf %s forged > secrets/token && \
             tar -c secrets/token | age -r {break_glass} -o ../bundles/web/secrets.age && cd .. && rm -r secrets.d"
        );
        sh(self.sandbox, &script);
        self.edit("bundles/web/manifest.json", |text| {
            let mut manifest: Value = serde_json::from_str(&text).unwrap();
            let payload = self.sandbox.read("bundles/web/secrets.age");
            let sum = run("sha256sum", &[self.sandbox.repo().join("bundles/web/secrets.age")], b"").good();
            manifest["payload"] = serde_json::json!({ "sha256": sum[..64], "size": payload.len() });
            manifest["authorized_keys"]["root"] = serde_json::json!([self.public]);
            serde_json::to_string_pretty(&manifest).unwrap() + "\n"
        });
        self.sign("pkeys-bundle", "bundles/web/manifest.json");
    }

    /// Adds a key of her own for root.
    fn adds_root_key(&self) {
        let key = "\n[[key]]\nuser = \"root\"\nlabel = \"support\"\nstate = \"active\"\nadded = 2026-01-01\n";
        self.edit("keys.toml", |text| format!("{text}{key}public = \"{}\"\n", self.public));
    }

    fn break_glass(&self) -> String {
        let text = String::from_utf8(self.sandbox.read("pkeys.toml")).unwrap();
        let below = text.split_once("[break-glass]").unwrap().1;
        below.split('"').nth(1).unwrap().to_owned()
    }
}

fn glass(sandbox: &Sandbox, arguments: &[&str], typed: &str) -> Ran {
    sandbox.pkeys_with(&[&["break-glass"], arguments].concat(), typed.as_bytes())
}

fn reseal(sandbox: &Sandbox, typed: &str) -> Ran {
    let (_, public) = sandbox.ssh_key("new", "ed25519");
    let ran = glass(sandbox, &["reseal", "web", "--yes", "--recipient", &public], typed);
    std::fs::remove_file(sandbox.path("new.key")).unwrap();
    ran
}

fn manifest(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&sandbox.read("bundles/web/manifest.json")).unwrap()
}

#[test]
fn reseal_refuses_the_bundle_of_somebody_who_is_a_signer_in_pkeys_toml_alone() {
    let fleet = Fleet::new();
    let other = fleet.after(&|mallory| {
        mallory.becomes_signer();
        mallory.replaces_bundle();
    });
    reseal(&other, &fleet.typed()).bad("the bundle of web: it is signed by SHA256:", "");
    let opened = glass(&other, &["open", "web", "--secret", "token"], &fleet.typed());
    assert!(opened.out == "forged" && opened.err.contains("who made the bundle of web is not proven"), "{opened:?}");
    // On the operator's machine the pins say the same, and nothing has to be typed.
    let mallory = Mallory::new(&fleet.sandbox);
    mallory.becomes_signer();
    mallory.replaces_bundle();
    reseal(&fleet.sandbox, &fleet.key).bad("the bundle of web: it is signed by SHA256:", "");
}

#[test]
fn reseal_leaves_out_logins_that_nobody_has_signed_and_shows_them_to_a_person() {
    let fleet = Fleet::new();
    let attack: &dyn Fn(&Mallory) = &|mallory| mallory.adds_root_key();
    let other = fleet.after(attack);
    let hers = std::fs::read_to_string(other.path("mallory.key.pub")).unwrap();
    let hers = hers.split(' ').nth(1).unwrap();
    let before = manifest(&other);
    let ran = reseal(&other, &fleet.typed());
    assert!(ran.err.contains("for root: in keys.toml, and not in the bundle that was signed"), "{ran:?}");
    assert!(ran.err.contains("left out") && ran.out.contains("resealed web"), "{ran:?}");
    let after = manifest(&other);
    assert_eq!(after["authorized_keys"], before["authorized_keys"]);
    assert_ne!(after["generation"], before["generation"]);
    assert!(ran.err.contains("bundle that ann SHA256:") && ran.err.contains("key SHA256:"), "{ran:?}");
    // On a terminal a person sees it, and decides.
    for (answer, is_in) in [("n", false), ("y", true)] {
        let other = fleet.after(attack);
        let (_, public) = other.ssh_key("new", "ed25519");
        let typed = fleet.typed();
        let lines: Vec<_> = typed.lines().chain(["", answer]).collect();
        let ran = other.pkeys_typing(&["break-glass", "reseal", "web", "--recipient", &public], &lines);
        assert!(ran.out.contains("not in the bundle that was signed"), "{ran:?}");
        assert_eq!(ran.status == 0, is_in, "{ran:?}");
        let keys = manifest(&other)["authorized_keys"].to_string();
        let hers = std::fs::read_to_string(other.path("mallory.key.pub")).unwrap();
        assert_eq!(keys.contains(hers.split(' ').nth(1).unwrap()), is_in, "{keys}");
    }
    assert!(!after.to_string().contains(hers));
}

#[test]
fn reseal_encrypts_to_the_break_glass_recipients_that_were_signed() {
    let fleet = Fleet::new();
    for replace in [false, true] {
        let other = fleet.after(&|mallory| {
            let real = format!("\"{}\"", mallory.break_glass());
            let hers = format!("\"{}\"", mallory.recipient);
            let to = if replace { hers } else { format!("{real}, {hers}") };
            mallory.edit("pkeys.toml", |text| text.replacen(&real, &to, 1));
        });
        let before = manifest(&other);
        reseal(&other, &fleet.typed()).good();
        let after = manifest(&other);
        let recipients: Vec<_> =
            after["recipients"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned()).collect();
        let age: Vec<_> = recipients.iter().filter(|id| id.starts_with("age1")).cloned().collect();
        let real = before["recipients"].as_array().unwrap().iter().filter_map(Value::as_str);
        assert_eq!(age, real.filter(|id| id.starts_with("age1")).map(ToOwned::to_owned).collect::<Vec<_>>());
        assert_eq!(recipients.len(), 2, "{recipients:?}");
    }
}

#[test]
fn reseal_refuses_an_older_bundle_and_its_generation_is_above_all_that_are_known() {
    let fleet = Fleet::new();
    fleet.sh("cp -r bundles/web ../old");
    let old = manifest(&fleet.sandbox);
    fleet.sandbox.secret("token", b"changed", &["web"]);
    fleet.sandbox.pkeys(&["render"]).good();
    fleet.sh("git add -A && git commit -qm second");
    let newest = manifest(&fleet.sandbox)["generation"].as_u64().unwrap();
    assert!(newest > old["generation"].as_u64().unwrap());
    let other = fleet.after(&|mallory| {
        let from = fleet.sandbox.path("old");
        sh(mallory.sandbox, &format!("rm -r bundles/web && cp -r {} bundles/web", from.display()));
    });
    let error = reseal(&other, &fleet.typed());
    error.bad(&format!("and a newer one is known: {newest}"), "restore the newest bundle");
    let other = fleet.after(&|_| {});
    let ran = reseal(&other, &fleet.typed());
    let line = format!("generation {newest} of ");
    assert!(ran.status == 0 && ran.err.contains(&line), "{ran:?}");
    let new = manifest(&other)["generation"].as_u64().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(new > newest && new + 3600 > now, "{new}");
    assert_eq!(manifest(&other)["fleet"], old["fleet"]);
}

#[test]
fn a_trust_set_of_another_signer_or_fleet_is_refused_whatever_pkeys_toml_says() {
    let fleet = Fleet::new();
    // Another break-glass signer, everywhere in the repository.
    let other = fleet.after(&|mallory| {
        mallory.edit("pkeys.toml", |text| {
            let line = text.lines().find(|line| line.starts_with("break-glass = ")).unwrap().to_owned();
            text.replace(&line, &format!("break-glass = \"{}\"", mallory.public))
        });
        mallory.edit("break-glass/trust.json", |text| {
            let mut set: Value = serde_json::from_str(&text).unwrap();
            set["signers"] = serde_json::json!({ "break-glass": mallory.public });
            serde_json::to_string_pretty(&set).unwrap() + "\n"
        });
        mallory.sign("pkeys-trust", "break-glass/trust.json");
        mallory.replaces_bundle();
        let script =
            format!("age -r {} -o break-glass/signing-key.age {}", mallory.break_glass(), mallory.key.display());
        sh(mallory.sandbox, &script);
    });
    reseal(&other, &fleet.typed()).bad("not by the break-glass signer SHA256:", "restore trust.json");
    let opened = glass(&other, &["open", "web", "--secret", "token"], &fleet.typed());
    assert!(opened.out == "forged" && opened.err.contains("is not proven: trust.json is signed by"), "{opened:?}");
    // Another fleet, and a member added without the key.
    let other = fleet.after(&|mallory| {
        mallory.edit("pkeys.toml", |text| {
            let line = text.lines().find(|line| line.starts_with("fleet = ")).unwrap().to_owned();
            text.replace(&line, &format!("fleet = \"{}\"", "0".repeat(32)))
        });
    });
    reseal(&other, &fleet.typed()).bad("pkeys.toml does not name the fleet", "git log");
    let other = fleet.after(&|mallory| {
        let line = format!("\"signers\": {{\n    \"mallory\": \"{}\",", mallory.public);
        mallory.edit("break-glass/trust.json", |text| text.replace("\"signers\": {", &line));
    });
    reseal(&other, &fleet.typed()).bad("the signature does not fit trust.json", "restore");
}

#[test]
fn without_the_lines_open_says_that_nothing_is_proven_and_reseal_refuses() {
    let fleet = Fleet::new();
    let other = fleet.after(&|_| {});
    let opened = glass(&other, &["open", "web", "--secret", "token"], &fleet.key);
    assert_eq!((opened.out.as_str(), opened.status), ("hunter2", 0));
    assert_eq!(opened.err.matches("is not proven").count(), 1, "{opened:?}");
    reseal(&other, &fleet.key).bad("nothing here says who signs", "F, S1 and S2");
    // With them, with options, and on a machine that has pins, it is.
    let signer = fingerprint(&fleet.sandbox);
    let id = manifest(&fleet.sandbox)["fleet"].as_str().unwrap().to_owned();
    let options = ["open", "web", "--secret", "token", "--sheet-signer", &signer, "--fleet", &id];
    for ran in [
        glass(&other, &["open", "web", "--secret", "token"], &fleet.typed()),
        glass(&other, &options, &fleet.key),
        glass(&fleet.sandbox, &["open", "web", "--secret", "token"], &fleet.key),
    ] {
        assert!(ran.status == 0 && !ran.err.contains("proven"), "{ran:?}");
    }
    glass(&other, &["open", "--sheet-signer", "SHA256:hunter2"], &fleet.key);
    let mistyped = fleet.typed().replacen("\nF ", "\nF 0", 1);
    glass(&other, &["open"], &mistyped).bad("line F does not fit its checksum", "compare");
    // A value that nobody who is trusted has signed.
    let other = fleet.after(&|mallory| {
        sh(mallory.sandbox, &format!("printf forged | age -r {} -o secrets/token.age", mallory.break_glass()));
    });
    let opened = glass(&other, &["open", "--secret", "token"], &fleet.typed());
    assert!(opened.out == "forged" && opened.err.contains("who wrote token.age is not proven"), "{opened:?}");
}

fn fingerprint(sandbox: &Sandbox) -> String {
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("break-glass = \"")).unwrap().trim_end_matches('"');
    run("ssh-keygen", &["-lf", "-"], line.as_bytes()).good().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn ssh_keygen_verifies_the_trust_set_and_the_drill_renews_it_when_it_has_changed() {
    let fleet = Fleet::new();
    let sandbox = &fleet.sandbox;
    let verify = "sed -n 's/^break-glass = \"\\(.*\\)\"/break-glass \\1/p' pkeys.toml > ../signers && ssh-keygen -Y verify \
                  -f ../signers -I break-glass -n pkeys-trust -s break-glass/trust.json.sig < break-glass/trust.json";
    assert!(fleet.sh(verify).contains("Good \"pkeys-trust\" signature for break-glass"));
    let set: Value = serde_json::from_slice(&sandbox.read("break-glass/trust.json")).unwrap();
    let file = sandbox.repo().join("break-glass/signing-key.age");
    let sum = run("sha256sum", &[file], b"").good();
    assert_eq!(set["signing-key"], sum[..64]);
    let warned = |sandbox: &Sandbox| sandbox.pkeys(&["check"]).out.contains("trust.json");
    assert!(!warned(sandbox));
    // Somebody joins.
    let (_, public) = sandbox.ssh_key("bob", "ed25519");
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let with = text.replace("[signers]\n", &format!("[signers]\nbob = \"{public}\"\n"));
    std::fs::write(sandbox.repo().join("pkeys.toml"), &with).unwrap();
    // Nobody has accepted bob: the drill does not sign him.
    let ran = glass(sandbox, &["drill"], &fleet.typed());
    ran.bad("trust set: nobody has accepted on this machine: + signer bob", "trust accept");
    assert_eq!(serde_json::from_slice::<Value>(&sandbox.read("break-glass/trust.json")).unwrap(), set);
    sandbox.accept();
    assert!(warned(sandbox));
    let rendered = sandbox.pkeys(&["render"]);
    assert!(rendered.err.contains("trust.json: not up to date (+ signer bob"), "{rendered:?}");
    // A machine without pins cannot tell, and says that the drill would not do.
    let other = fleet.after(&|_| {});
    glass(&other, &["drill"], &fleet.typed())
        .bad("pkeys.toml differs from the signed trust set: + signer bob", "drill");
    let ran = glass(sandbox, &["drill"], &fleet.typed());
    assert!(ran.status == 0 && ran.err.contains("signed the trust set anew: + signer bob SHA256:"), "{ran:?}");
    assert!(!warned(sandbox) && fleet.sh(verify).contains("Good"));
    let other = fleet.after(&|_| {});
    let ran = glass(&other, &["drill"], &fleet.typed());
    assert!(ran.status == 0 && !ran.err.contains("anew"), "{ran:?}");
}

#[test]
fn a_replaced_program_or_signing_key_is_seen_by_check_and_drill_and_by_sha256sum() {
    let fleet = Fleet::with(&["--shares", "2-of-3"]);
    let sandbox = &fleet.sandbox;
    let page = |n: u8| std::fs::read_to_string(fleet.place(&format!("sheets/share-{n}.html"))).unwrap();
    let typed = key_lines(&page(1)) + &key_lines(&page(3)) + &fleet.lines;
    let compare = between(&page(1), "<pre id=\"compare\"", "</pre>").remove(0);
    let compare = compare.trim_start_matches('>');
    let printed = between(&page(1), "<pre class=\"hash\"", "</pre>").remove(0);
    let printed = printed.trim_start_matches('>');
    assert!(fleet.sh(compare).starts_with(printed));
    glass(sandbox, &["drill"], &typed).good();
    // A program that sends the key away.
    let program = sandbox.repo().join("break-glass/combine.py");
    let real = std::fs::read_to_string(&program).unwrap();
    std::fs::write(&program, real.replace("print(start", "open('/tmp/x', 'w').write(start); print(start")).unwrap();
    assert!(!fleet.sh(compare).starts_with(printed));
    sandbox.pkeys(&["check"]).bad_check("combine.py is not the program of this pkeys: do not run it");
    glass(sandbox, &["drill"], &typed).bad("combine.py is not the program of this pkeys", "git log");
    glass(&fleet.after(&|_| {}), &["drill"], &typed).bad("combine.py is not the program of this pkeys", "git log");
    assert!(sandbox.pkeys(&["break-glass", "escrow"]).good().contains("combine.py"));
    assert_eq!(std::fs::read_to_string(&program).unwrap(), real);
    sandbox.pkeys(&["check"]).good();
    // A signing key that mallory knows, sealed to the real break-glass recipient.
    let attack = |mallory: &Mallory| {
        let script =
            format!("age -r {} -o break-glass/signing-key.age {}", mallory.break_glass(), mallory.key.display());
        sh(mallory.sandbox, &script);
    };
    let other = fleet.after(&attack);
    glass(&other, &["drill"], &typed).bad("signing-key.age holds the key SHA256:", "git log");
    reseal(&other, &typed).bad("signing-key.age holds the key SHA256:", "git log");
    attack(&Mallory::new(sandbox));
    sandbox.pkeys(&["check"]).bad_check("signing-key.age is not the file that the trust set names");
    glass(sandbox, &["drill"], &typed).bad("signing-key.age holds the key SHA256:", "git log");
    fleet.sh("git checkout -q break-glass/signing-key.age");
    glass(sandbox, &["drill"], &typed).good();
}

impl Ran {
    #[track_caller]
    fn bad_check(self, message: &str) {
        assert!(self.status == 1 && self.out.contains(message), "{self:?}");
    }
}

#[test]
fn an_old_sheet_passes_the_drill_and_is_printed_again_without_a_new_key() {
    let fleet = Fleet::new();
    let ran = glass(&fleet.sandbox, &["drill"], &fleet.key);
    assert!(ran.status == 0 && ran.err.contains("print it again, `pkeys break-glass sheet`"), "{ran:?}");
    let again = fleet.place("again");
    let arguments = ["sheet", "--sheets", again.to_str().unwrap()];
    glass(&fleet.sandbox, &arguments, &fleet.key).good();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&again.join("sheet.html")), read(&fleet.place("sheets/sheet.html")));
    // Where nothing is accepted and no line was typed, there is nothing to print; nor for the key of others.
    let other = fleet.after(&|_| {});
    let place = fleet.place("other");
    let arguments = ["sheet", "--sheets", place.to_str().unwrap()];
    glass(&other, &arguments, &fleet.key).bad("nothing here says who signs", "F, S1 and S2");
    let stranger = Fleet::new();
    glass(&fleet.sandbox, &arguments, &stranger.key).bad("not the break-glass key of this repository", "drill");
    let theirs = fleet.key.clone() + &stranger.lines;
    glass(&fleet.sandbox, &["drill"], &theirs).bad("pkeys.toml does not name the fleet", "repository");
    // The sheet of before a rotation has the same fleet.
    let signer = stranger.lines.split_once('\n').unwrap().1;
    let old = fleet.key.clone() + fleet.lines.lines().next().unwrap() + "\n" + signer;
    glass(&fleet.sandbox, &["drill"], &old).bad("the sheet names another break-glass signer", "print the sheet again");
    assert!(!place.exists());
    // One holder prints their own page.
    let shared = Fleet::with(&["--shares", "2-of-3"]);
    let again = shared.place("again");
    let old = shared.place("sheets/share-2.html");
    let typed = key_lines(&read(&old));
    glass(&shared.sandbox, &["sheet", "--sheets", again.to_str().unwrap()], &typed).good();
    assert_eq!(read(&again.join("share-2.html")), read(&old));
    assert_eq!(std::fs::read_dir(&again).unwrap().count(), 1);
}

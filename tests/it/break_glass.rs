//! The worst day: `break-glass`, with only a clone of the repository and the key, and no network.

use crate::common::fleet;
use crate::common::page::{anchors, between, rows};
use crate::common::{Ran, Sandbox, activate_binary, root, run_command};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A place in memory, removed when dropped.
struct Memory(tempfile::TempDir);

impl Memory {
    fn new() -> Self {
        Self(tempfile::tempdir_in("/dev/shm").unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn str(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// A repository with a host, secrets, a user key that pkeys holds, a host key that it made, and a break-glass key; gives the
/// typed lines of its sheet.
fn repository(memory: &Memory) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.pkeys(&["host", "add", "db", "--generate"]).good();
    sandbox.secret("token", b"hunter2", &["web"]);
    sandbox.secret("password", b"correct horse", &["*"]);
    let manifest = sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
    sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    sandbox.pkeys(&["render"]).good();
    let said =
        sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", &memory.str("sheets"), "--label", "the test"]);
    assert!(said.out.contains("made the break-glass key") && said.out.contains("ssh-ed25519 "), "{said:?}");
    assert!(said.err.contains("sealed to it: 4 local secrets and 2 bundles"), "{said:?}");
    said.good();
    let typed = typed(&memory.path("sheets/sheet.html"));
    (sandbox, typed)
}

/// What a person types of a sheet.
fn typed(sheet: &Path) -> String {
    let page = std::fs::read_to_string(sheet).unwrap();
    rows(&page).iter().map(|(label, groups, sum)| format!("{label} {groups} {sum}\n")).collect::<String>()
        + &anchors(&page)
}

/// The same of a sheet that was printed before there were lines about signers.
fn key_lines(typed: &str) -> String {
    typed
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// A clone on another machine: nothing of the operator's is there.
fn clone(sandbox: &Sandbox) -> Sandbox {
    let other = Sandbox::empty();
    run_command(Command::new("cp").arg("-r").arg(sandbox.repo()).arg(other.path("copy")), b"").good();
    std::fs::remove_dir_all(other.repo()).unwrap_or_default();
    std::fs::rename(other.path("copy"), other.repo()).unwrap();
    assert!(!other.path("config/identity.txt").exists());
    other
}

fn alone(sandbox: &Sandbox, arguments: &[&str], typed: &str) -> Ran {
    sandbox.pkeys_with(&[&["break-glass"], arguments].concat(), typed.as_bytes())
}

fn identity(typed: &str) -> String {
    let groups: String =
        key_lines(typed).lines().flat_map(|line| line.split(' ').skip(1).take(line.split(' ').count() - 2)).collect();
    format!("AGE-SECRET-KEY-1{groups}")
}

#[test]
fn a_clone_and_the_sheet_open_everything_with_pkeys_and_with_age_alone() {
    let memory = Memory::new();
    let (sandbox, typed) = repository(&memory);
    sandbox.pkeys(&["verify"]).good();
    sandbox.pkeys(&["check"]).good();
    assert!(sandbox.pkeys(&["render"]).good().contains("unchanged"));
    assert!(sandbox.pkeys(&["break-glass", "escrow"]).good().contains("unchanged"));
    let key = identity(&typed);
    sandbox.nowhere(key.as_bytes(), &[]);
    sandbox.nowhere(&key.as_bytes()[16..], &[]);

    let other = clone(&sandbox);
    let listed = alone(&other, &["open"], &typed).good();
    for line in
        ["web  token", "db   password", "-    ssh-user-key.root.laptop", "-    ssh-host-key.db", "-    pkeys.toml"]
    {
        assert!(listed.contains(line), "{line}: {listed}");
    }
    assert_eq!(alone(&other, &["open", "web", "--secret", "token"], &typed).good(), "hunter2");
    assert_eq!(alone(&other, &["open", "--secret", "password"], &typed).good(), "correct horse");
    alone(&other, &["open", "web", "--secret", "nothing"], &typed).bad("there is no nothing", "lists what there is");
    let out = memory.str("out");
    assert!(alone(&other, &["open", "--to", &out], &typed).good().contains("written 6 files"));
    let private = std::fs::read(memory.path("out/ssh-user-key.root.laptop")).unwrap();
    let public = crate::common::run("ssh-keygen", &["-yf", &memory.str("out/ssh-user-key.root.laptop")], b"").good();
    assert!(String::from_utf8(sandbox.read("keys.toml")).unwrap().contains(public.split(' ').nth(1).unwrap()));
    alone(&other, &["open", "web", "--to", &out], &typed).bad("is there already", "name a new directory");
    // The same by Debian's age and tar alone, as the sheet says.
    let key_file = memory.str("key");
    std::fs::write(&key_file, key).unwrap();
    let by_hand =
        |line: &str| run_command(other.command_of("sh").args(["-c", &format!("K={key_file}; {line}")]), b"").good();
    assert_eq!(by_hand("age -d -i $K bundles/web/secrets.age | tar -xO secrets/token"), "hunter2");
    assert_eq!(by_hand("age -d -i $K secrets/password.age"), "correct horse");
    assert_eq!(
        by_hand("age -d -i $K break-glass/escrow.age | tar -xO secrets/ssh-user-key.root.laptop").as_bytes(),
        private
    );
    // Everything is in the log; where that cannot be written, it opens all the same.
    assert!(other.pkeys(&["log"]).good().contains("break-glass open"));
    other.pkeys(&["log", "--verify"]).good();
    std::fs::remove_file(other.repo().join("audit.jsonl")).unwrap();
    std::fs::create_dir(other.repo().join("audit.jsonl")).unwrap();
    let ran = alone(&other, &["open", "web", "--secret", "token"], &typed);
    assert!(ran.out == "hunter2" && ran.err.contains("this is not in the log"), "{ran:?}");
}

#[test]
fn where_no_network_is_the_printed_commands_open_everything_without_pkeys() {
    if !root("a network namespace") {
        return;
    }
    let memory = Memory::new();
    let (sandbox, _) = repository(&memory);
    let other = clone(&sandbox);
    let page = std::fs::read_to_string(memory.path("sheets/sheet.html")).unwrap();
    let groups: String = rows(&page).iter().map(|(_, groups, _)| groups.to_lowercase() + "\n").collect();
    let open = page.split_once("<dl id=\"open\"").unwrap().1.split_once("</dl>").unwrap().0;
    let mut lines = between(open, "<dt", "</dt>");
    let tidy = lines.pop().unwrap();
    let look = "cat $D/secrets/token $D/secrets/password; ls $D/secrets; cat /proc/net/dev".to_owned();
    let script =
        [vec![between(&page, "<pre id=\"type\"", "</pre>").remove(0)], lines, vec![look, tidy]].concat().join("\n");
    let script =
        script.replace("HOST", "web").replace("NAME", "token").replace("PATH", "secrets/ssh-user-key.root.laptop");
    std::fs::create_dir(memory.path("work")).unwrap();
    let script = script.replace("/dev/shm", &memory.str("work"));
    // Nothing but a shell and Debian's programs, and no network.
    let mut command = Command::new("unshare");
    command.args(["-n", "env", "-i", "PATH=/usr/bin:/bin", "sh", "-ec", &script]).current_dir(other.repo());
    let seen = run_command(&mut command, groups.as_bytes()).good();
    for part in [
        "age1",
        "hunter2",
        "correct horse",
        "secrets/ssh-host-key.db",
        "secrets/keys.toml",
        "BEGIN OPENSSH PRIVATE KEY",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert!(seen.contains(" lo:") && seen.matches(": ").count() <= 2, "{seen}");
}

#[test]
fn the_drill_needs_no_network_and_fails_when_anything_would() {
    let memory = Memory::new();
    let (sandbox, typed) = repository(&memory);
    let said = alone(&sandbox, &["drill"], &typed);
    assert!(said.out.contains("opened 2 bundles, 4 local secrets, 2 escrowed keys"), "{said:?}");
    assert!(said.err.contains("opens everything, as it is now"), "{said:?}");
    assert!(sandbox.pkeys(&["status"]).err.contains("last break-glass drill: today"));
    let findings = |sandbox: &Sandbox| -> Vec<String> {
        let ran = alone(sandbox, &["--json", "drill"], &typed);
        assert_eq!(ran.status, 1, "{ran:?}");
        let said: Value = serde_json::from_str(&ran.out).unwrap();
        let all = said["findings"].as_array().unwrap();
        all.iter()
            .map(|f| format!("{}: {}", f["what"].as_str().unwrap(), f["error"]["error"].as_str().unwrap()))
            .collect()
    };
    let with = |change: &dyn Fn(&Sandbox)| {
        let other = clone(&sandbox);
        change(&other);
        findings(&other)
    };
    // A byte that is wrong, in each encrypted file.
    for (file, what) in [
        ("bundles/web/secrets.age", "bundle web: secrets.age is not the file"),
        ("secrets/password.age", "secrets/password.age: "),
        ("break-glass/escrow.age", "escrow: "),
        ("break-glass/signing-key.age", "signing key: "),
    ] {
        let found = with(&|other: &Sandbox| {
            let path = other.repo().join(file);
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(path, bytes).unwrap();
        });
        assert!(found.iter().any(|line| line.starts_with(what)), "{file}: {found:?}");
        let found = with(&|other: &Sandbox| std::fs::remove_file(other.repo().join(file)).unwrap());
        assert!(!found.is_empty(), "{file}");
    }
    // A bundle that lacks the recipient; one that is stale; a secret that was never sealed to it.
    let recipients = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let line = recipients.lines().find(|line| line.starts_with("recipients = [\"age1")).unwrap().to_owned();
    sandbox.pkeys(&["render"]).good();
    let edit = |sandbox: &Sandbox, from: &str, to: &str| {
        let path = sandbox.repo().join("pkeys.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        sandbox.manifest(text.replacen(from, to, 1));
    };
    edit(&sandbox, &line, "recipients = []");
    sandbox.secret("late", b"x", &["web"]);
    sandbox.pkeys(&["render", "db"]).good();
    edit(&sandbox, "recipients = []", &line);
    let found = findings(&sandbox);
    let has = |what: &str| assert!(found.iter().any(|line| line.contains(what)), "{what}: {found:?}");
    has("bundle db: it is not sealed to the recipient age1");
    has("bundle web: it opens, but is not up to date: +late");
    has("secrets/late.age: ");
    has("escrow: pkeys.toml has changed since");
    sandbox.pkeys(&["secret", "rekey"]).good();
    sandbox.pkeys(&["render"]).good();
    alone(&sandbox, &["drill"], &typed).good();
    // Another key, and one that is mistyped: the line is named, and nothing repeated.
    let wrong = typed.replacen(typed.split(' ').nth(1).unwrap(), "QQQQQ", 1);
    let ran = alone(&sandbox, &["drill"], &wrong);
    ran.bad("line 1", "compare");
    let other = Memory::new();
    let (_, stranger) = repository(&other);
    alone(&sandbox, &["drill"], &stranger).bad("that key is no break-glass recipient", "fingerprint ");
}

#[test]
fn nothing_of_it_asks_for_a_network() {
    let memory = Memory::new();
    let (sandbox, typed) = repository(&memory);
    let trace = sandbox.path("trace");
    for arguments in [&["drill"][..], &["open"], &["open", "web", "--secret", "token"]] {
        let mut command = sandbox.command_of("strace");
        command.args(["-f", "-qq", "-e", "trace=%network,unshare", "-o"]).arg(&trace);
        let ran = run_command(
            command.arg(crate::common::pkeys_binary()).arg("break-glass").args(arguments),
            typed.as_bytes(),
        );
        assert_eq!(ran.status, 0, "{ran:?}");
        let calls = std::fs::read_to_string(&trace).unwrap();
        assert!(!calls.contains("AF_INET"), "{calls}");
        if arguments == ["drill"] && root("a network namespace") {
            assert!(
                calls.lines().any(|line| line.contains("unshare(CLONE_NEWNET)") && line.ends_with("= 0")),
                "{calls}"
            );
        }
    }
    // In a machine that has none.
    if root("a machine without a network") {
        let mut command = sandbox.command_of("unshare");
        let ran =
            run_command(command.args(["-n", crate::common::pkeys_binary(), "break-glass", "drill"]), typed.as_bytes());
        ran.good();
        // As somebody else than root, too.
        let mut command = sandbox.command_of("chown");
        run_command(command.args(["-R", "65534:65534"]).arg(sandbox.path(".")), b"").good();
        let mut command = sandbox.command_of("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            crate::common::pkeys_binary(),
            "break-glass",
            "drill",
        ]);
        run_command(&mut command, typed.as_bytes()).good();
    }
}

#[test]
fn shares_open_it_together_and_never_alone() {
    let memory = Memory::new();
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    sandbox.pkeys(&["break-glass", "init", "--yes", "--shares", "2-of-3", "--sheets", &memory.str("sheets")]).good();
    let share = |number: u8| typed(&memory.path(&format!("sheets/share-{number}.html")));
    let other = clone(&sandbox);
    let open = |typed: &str| alone(&other, &["open", "web", "--secret", "token"], typed);
    open(&share(1)).bad("there is 1 share, and 2 are needed", "ask 1 more");
    assert_eq!(open(&(share(3) + &share(1))).good(), "hunter2");
    let broken = share(2).replacen("2.3 ", "2.3 Q", 1);
    open(&(share(1) + &broken)).bad("share 2, line 3", "compare");
    // On a terminal, line by line, unseen.
    let lines = share(2) + &share(3);
    let lines: Vec<_> = lines.lines().chain([""]).collect();
    let ran = other.pkeys_typing(&["break-glass", "open", "web", "--secret", "token"], &lines);
    assert!(ran.out.contains("hunter2") && !ran.out.contains(lines[0].split(' ').nth(1).unwrap()), "{ran:?}");
    // By the program that was put into the repository, with Python alone.
    let key = memory.str("key");
    let script = format!(
        "umask 077; python3 break-glass/combine.py > {key} && age -d -i {key} bundles/web/secrets.age | tar -xO secrets/token"
    );
    let ran = run_command(other.command_of("sh").args(["-c", &script]), (share(1) + &share(2)).as_bytes());
    assert!(ran.out.contains("hunter2"), "{ran:?}");
}

#[test]
fn a_key_behind_a_passphrase_and_a_new_one_after_it_was_used() {
    let memory = Memory::new();
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    sandbox.pkeys(&["break-glass", "rotate", "--yes"]).bad("names no break-glass recipient", "init");
    let file = sandbox.path("envelope.age");
    let arguments = ["break-glass", "init", "--yes", "--output", file.to_str().unwrap()];
    let ran = sandbox.pkeys_typing(&arguments, &["a b c", "a b c"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    sandbox.pkeys(&arguments).bad("names a break-glass recipient already", "rotate");
    let ran = sandbox.pkeys_typing(&["break-glass", "drill", "--identity", file.to_str().unwrap()], &["a b c"]);
    assert!(ran.status == 0 && ran.out.contains("opens everything"), "{ran:?}");

    let old = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let ran = sandbox.pkeys(&["break-glass", "rotate", "--yes", "--sheets", &memory.str("new")]);
    assert!(ran.err.contains("stays readable to it") && ran.err.contains("change these secrets too: token"), "{ran:?}");
    ran.good();
    let new = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let signer = |text: &str| text.lines().find(|line| line.starts_with("break-glass = ")).unwrap().to_owned();
    assert_ne!(signer(&old), signer(&new));
    alone(&sandbox, &["drill"], &typed(&memory.path("new/sheet.html"))).good();
    let ran = sandbox.pkeys_typing(&["break-glass", "drill", "--identity", file.to_str().unwrap()], &["a b c"]);
    assert!(ran.status == 1 && ran.out.contains("no break-glass recipient"), "{ran:?}");
    // Whoever says that it is not printed changes nothing, and the pages are gone.
    let before = sandbox.snapshot();
    let place = memory.str("never");
    let ran = sandbox.pkeys_typing(&["break-glass", "rotate", "--sheets", &place], &["n"]);
    assert!(ran.out.contains("Nothing was changed"), "{ran:?}");
    assert!(before == sandbox.snapshot() && !Path::new(&place).exists());
    // A disk is no place for it.
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sheets-{}", std::process::id()));
    sandbox
        .pkeys(&["break-glass", "rotate", "--yes", "--sheets", disk.to_str().unwrap()])
        .bad("is on a disk", "--on-disk");
    assert!(!disk.exists() && before == sandbox.snapshot());
}

#[test]
fn no_key_is_made_while_nobody_can_read_the_policies() {
    let memory = Memory::new();
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    std::fs::create_dir(sandbox.repo().join("policies")).unwrap();
    let policy = sandbox.repo().join("policies/mine.cedar");
    let try_it = |verb: &str| {
        std::fs::write(&policy, "forbid (everything);").unwrap();
        let (before, place) = (sandbox.snapshot(), memory.path(&format!("{verb}-sheets")));
        let ran = sandbox.pkeys(&["break-glass", verb, "--yes", "--sheets", place.to_str().unwrap()]);
        ran.bad("nothing was changed: the policies cannot be read", "");
        assert!(sandbox.snapshot() == before && !place.exists());
        std::fs::remove_file(&policy).unwrap();
    };
    try_it("init");
    sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", &memory.str("sheets")]).good();
    try_it("rotate");
}

#[test]
fn a_host_that_lost_its_key_is_brought_back_without_any_operator() {
    let memory = Memory::new();
    let (sandbox, typed) = repository(&memory);
    let other = clone(&sandbox);
    let (new, public) = other.ssh_key("new", "ed25519");
    let arguments = ["reseal", "web", "--recipient", &public];
    alone(&other, &arguments, &typed).bad("there is no terminal to confirm this at", "--yes");
    let said = alone(&other, &[&arguments[..], &["--yes"]].concat(), &typed);
    assert!(said.out.contains("resealed web generation ") && said.err.contains("pkeys-activate install"), "{said:?}");
    // The machine goes on having no pins, until it accepts what the sheet has led to.
    assert!(!other.path("config/fleets").exists());
    let accept = said.err.split_once("`pkeys trust accept ").unwrap().1.split('`').next().unwrap();
    other.pkeys(&["trust", "accept", accept]).good();
    other.pkeys(&["verify", "web"]).good();
    // Signed by the break-glass signing key, says ssh-keygen.
    let text = String::from_utf8(other.read("pkeys.toml")).unwrap();
    let signer = text.lines().find_map(|line| line.strip_prefix("break-glass = \"")).unwrap().trim_end_matches('"');
    std::fs::write(other.path("signers"), format!("break-glass {signer}\n")).unwrap();
    let line = format!(
        "ssh-keygen -Y verify -f {} -I break-glass -n pkeys-bundle -s bundles/web/manifest.json.sig < bundles/web/manifest.json",
        other.path("signers").display()
    );
    assert!(run_command(other.command_of("sh").args(["-c", &line]), b"").good().contains("Good"));
    // The host, with its new key, takes it from a memory stick.
    let machine = other.path("machine");
    std::fs::create_dir_all(machine.join("etc")).unwrap();
    std::fs::create_dir_all(machine.join("var/lib/pkeys")).unwrap();
    std::fs::copy(&new, machine.join("etc/key")).unwrap();
    let fleet = text.lines().find_map(|line| line.strip_prefix("fleet = \"")).unwrap().split('"').next();
    let spec = serde_json::json!({ "version": 1, "host": "web", "bundles": ["/var/lib/pkeys/bundle"],
        "identities": ["/etc/key"], "trustedSigners": [signer], "fleet": fleet });
    std::fs::write(machine.join("spec.json"), spec.to_string()).unwrap();
    run_command(
        Command::new("cp").arg("-r").arg(other.repo().join("bundles/web")).arg(machine.join("var/lib/pkeys/bundle")),
        b"",
    )
    .good();
    let install = |more: &[&str], input: &[u8]| {
        let mut command = other.command_of(activate_binary());
        command.arg("install").arg("--spec").arg(machine.join("spec.json")).arg("--root").arg(&machine);
        run_command(command.args(more), input)
    };
    install(&[], b"").good();
    assert_eq!(std::fs::read(machine.join("run/pkeys/secrets/token")).unwrap(), b"hunter2");
    // Without any key of its own: the break-glass key at its console.
    std::fs::remove_file(machine.join("etc/key")).unwrap();
    assert_eq!(install(&[], b"").status, 3);
    install(&["--identity", "-"], identity(&typed).as_bytes()).good();
    let locked = run_command(
        Command::new("age").args(["-r", "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"]),
        b"x",
    );
    install(&["--identity", "-"], locked.out.as_bytes());
    let ran = install(&["--identity", "-"], b"AGE-SECRET-KEY-1hunter2");
    assert!(ran.status != 0 && !ran.err.contains("hunter2"), "{ran:?}");
    // The operators render it anew when they are back.
    let ran = run_command(Command::new("cp").arg("-rT").arg(other.repo()).arg(sandbox.repo()), b"");
    ran.good();
    assert!(sandbox.pkeys(&["render", "web"]).good().contains("rendered"));
    sandbox.pkeys(&["verify"]).good();
}

#[test]
fn a_users_key_of_the_escrow_logs_in_to_real_hosts() {
    if !root("real sshd servers") {
        return;
    }
    let memory = Memory::new();
    let fleet = fleet::Fleet::new(&["web"]);
    let manifest = fleet.sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    fleet.sandbox.manifest(text + "\n[users.root]\nhosts = [\"*\"]\n");
    fleet.sandbox.pkeys(&["key", "add", "root", "laptop", "--generate"]).good();
    fleet.sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", &memory.str("sheets")]).good();
    fleet.pkeys(&["push"]).good();
    fleet.pkeys(&["rotate", "root", "--yes"]).good();
    let typed = typed(&memory.path("sheets/sheet.html"));
    std::fs::write(memory.path("key"), identity(&typed)).unwrap();
    std::fs::remove_dir_all(fleet.sandbox.path("config")).unwrap();
    let shell = fleet.sandbox.script(
        "shell",
        &format!("ssh-add -l; ssh -F {} -o IdentityFile=none -o IdentitiesOnly=no -o IdentityAgent=SSH_AUTH_SOCK web echo in as $USER",
            fleet.sandbox.path("ssh_config").display()),
    );
    let mut command = fleet.command();
    command.env("SHELL", &shell).args(["break-glass", "open", "--ssh", "root", "--identity", &memory.str("key")]);
    let ran = run_command(&mut command, b"");
    assert!(ran.out.contains("(ED25519)") && ran.out.contains("in as"), "{ran:?}");
    alone(&fleet.sandbox, &["open", "--ssh", "nobody", "--identity", &memory.str("key")], "")
        .bad("has no key of nobody", "open");
}

#[test]
fn killed_anywhere_a_new_key_is_made_again_and_opens_everything() {
    let memory = Memory::new();
    let (sandbox, _) = repository(&memory);
    let mut kills = 0;
    for (call, step) in [("rename", 2), ("renameat2", 1), ("fsync", 5), ("write", 40)] {
        for number in (1..400).step_by(step) {
            let sheets = memory.str(&format!("{call}-{number}"));
            let mut command = sandbox.command_of("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
            command.arg(format!("inject={call}:signal=KILL:when={number}")).arg(crate::common::pkeys_binary());
            let killed =
                run_command(command.args(["break-glass", "rotate", "--yes", "--sheets", &sheets]), b"").status == 137;
            // The operators open and render all the same.
            assert_eq!(sandbox.pkeys(&["secret", "show", "token"]).good(), "hunter2");
            let last = if killed { memory.str(&format!("{call}-{number}-again")) } else { sheets };
            if killed {
                kills += 1;
                sandbox.pkeys(&["break-glass", "rotate", "--yes", "--sheets", &last]).good();
            }
            alone(&sandbox, &["drill"], &typed(&Path::new(&last).join("sheet.html"))).good();
            let left = crate::common::files_below(&sandbox.repo());
            assert!(
                !left.iter().any(|path| path.to_string_lossy().contains(".pkeys-tmp-")),
                "{call} {number}: {left:?}"
            );
            if !killed {
                break;
            }
        }
    }
    assert!(kills > 6, "{kills}");
    println!("killed at {kills} calls, and survived");
}

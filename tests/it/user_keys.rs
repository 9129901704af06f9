//! The users' keys: what is taken, what is said of them, who may log in where.

use crate::common::sshd::Sshd;
use crate::common::{Sandbox, run, run_command};
use std::path::Path;

fn keys_toml(sandbox: &Sandbox, entries: &[(&str, &str, &str, &str, &str)]) {
    let mut text = "version = 1\n".to_owned();
    for (user, label, state, public, more) in entries {
        text += &format!(
            "[[key]]\nuser = \"{user}\"\nlabel = \"{label}\"\nstate = \"{state}\"\npublic = \"{public}\"\nadded = 2026-01-01\n{more}\n"
        );
    }
    std::fs::write(sandbox.repo().join("keys.toml"), text).unwrap();
    sandbox.accept();
}

fn users(sandbox: &Sandbox, text: &str) {
    let all = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let all = all.split("\n[users.").next().unwrap();
    sandbox.manifest(format!("{all}\n{text}"));
}

fn authorized(sandbox: &Sandbox, host: &str) -> serde_json::Value {
    let bundle: serde_json::Value =
        serde_json::from_slice(&sandbox.read(&format!("bundles/{host}/manifest.json"))).unwrap();
    bundle["authorized_keys"].clone()
}

#[test]
fn bundles_authorize_the_keys_of_the_users_of_their_host() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--tag", "server"]);
    sandbox.host("db", &["--tag", "server"]);
    sandbox.host("pc", &[]);
    users(&sandbox, "[users.joe]\nhosts = [\"tag:server\"]\n[users.eve]\nhosts = [\"*\"]\n");
    let keys: Vec<_> = (0..4).map(|n| sandbox.ssh_key(&format!("u{n}"), "ed25519").1).collect();
    keys_toml(
        &sandbox,
        &[
            ("joe", "laptop", "active", &keys[0], "options = 'from=\"10.0.0.0/8\"'"),
            ("joe", "laptop", "pending", &keys[1], ""),
            ("joe", "desk", "active", &keys[2], "hosts = [\"db\", \"pc\"]"),
            ("tim", "laptop", "active", &keys[3], ""),
        ],
    );
    sandbox.pkeys(&["render"]).good();
    let laptop = format!("from=\"10.0.0.0/8\" {}", keys[0]);
    // Pending and active count; eve, who has no key, is not there at all; tim is no user of pkeys.toml.
    assert_eq!(authorized(&sandbox, "web"), serde_json::json!({ "joe": [keys[1], laptop] }));
    assert_eq!(authorized(&sandbox, "db"), serde_json::json!({ "joe": [keys[2], keys[1], laptop] }));
    assert_eq!(authorized(&sandbox, "pc"), serde_json::json!({}));

    keys_toml(&sandbox, &[("joe", "laptop", "active", &keys[1], ""), ("joe", "desk", "retiring", &keys[2], "")]);
    let said = sandbox.pkeys(&["status"]).good();
    assert_eq!(said.matches("stale: keys of joe").count(), 2, "{said}");
    let said = sandbox.pkeys(&["render", "--dry-run"]).good();
    assert_eq!(said.matches("keys of joe").count(), 2, "{said}");
    sandbox.pkeys(&["render"]).good();
    assert_eq!(authorized(&sandbox, "web"), serde_json::json!({ "joe": [keys[1]] }), "retiring keys count no more");
    sandbox.pkeys(&["verify"]).good();

    std::fs::write(sandbox.repo().join("keys.toml"), "version = 1\n[[kay]]\n").unwrap();
    sandbox.pkeys(&["render"]).bad("keys.toml:2: unknown key `kay`", "did you mean `key`?");
}

/// A key of any kind that `ssh-keygen` makes.
fn made(sandbox: &Sandbox, name: &str, arguments: &[&str]) -> String {
    let path = sandbox.path(name);
    let mut all = vec!["-q", "-N", "", "-C", name, "-f", path.to_str().unwrap()];
    all.extend(arguments);
    run("ssh-keygen", &all, b"").good();
    path.to_str().unwrap().to_owned() + ".pub"
}

/// Public halves of hardware tokens, which cannot be made without one.
const TOKENS: &[&str] = &[
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAICFo/k5LU8863u66YC9eUO2170QduohPURkQnbLa/dczAAAABHNzaDo=",
    "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBIELQJ2DgvaX1yQlKFokfWM2suuaCFI2qp0eJodHyg6O4ifxc3XpRKd1OS8dNYQtE/YjdXSrA+AOnMF5ns2Nkx4AAAAEc3NoOg==",
];

#[test]
fn keys_of_every_kind_are_taken_and_described_as_ssh_keygen_does() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    users(&sandbox, "[users.joe]\nhosts = [\"*\"]\n");
    let kinds: &[(&str, &[&str])] = &[
        ("ed25519", &["-t", "ed25519"]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("p521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "3072"]),
    ];
    let mut files: Vec<_> = kinds.iter().map(|(name, how)| made(&sandbox, name, how)).collect();
    for (number, token) in TOKENS.iter().enumerate() {
        let path = sandbox.path(&format!("token{number}.pub"));
        std::fs::write(&path, token).unwrap();
        files.push(path.to_str().unwrap().into());
    }
    for (number, file) in files.iter().enumerate() {
        let said = sandbox.pkeys(&["key", "add", "joe", &format!("k{number}"), "--public", file]).good();
        let theirs = run("ssh-keygen", &["-lf", file], b"").good();
        let words: Vec<_> = theirs.trim().split(' ').collect();
        assert!(said.starts_with(&format!("added joe k{number} {}", words[1])), "{said} {theirs}");
        let listed: serde_json::Value =
            serde_json::from_str(&sandbox.pkeys(&["key", "list", "joe", "--json"]).good()).unwrap();
        let key = listed.as_array().unwrap().iter().find(|key| key["label"] == format!("k{number}")).unwrap();
        assert_eq!(key["bits"].to_string(), words[0]);
        assert_eq!(key["fingerprint"], words[1]);
        let kind = key["algorithm"].as_str().unwrap();
        assert_eq!(format!("({kind})"), *words.last().unwrap());
        assert_eq!((&key["rotatable"], &key["private"]), (&false.into(), &serde_json::Value::Null));
    }
    sandbox.pkeys(&["render"]).good();
    let lines = authorized(&sandbox, "web")["joe"].clone();
    assert_eq!(lines.as_array().unwrap().len(), files.len());
    // ssh-keygen reads the whole file, as sshd would.
    let text: String = lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned() + "\n").collect();
    assert_eq!(run("ssh-keygen", &["-lf", "-"], text.as_bytes()).good().lines().count(), files.len());
    let table = sandbox.pkeys(&["key", "list"]).good();
    assert!(
        table.contains("hardware token") && table.contains("ECDSA-SK 256") && table.contains("RSA 3072"),
        "{table}"
    );
    sandbox.pkeys(&["check"]).good();
}

#[test]
fn what_is_no_key_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let good = made(&sandbox, "good", &["-t", "ed25519"]);
    let good = std::fs::read_to_string(good).unwrap();
    let good = good.trim();
    let short = made(&sandbox, "short", &["-t", "rsa", "-b", "2048"]);
    made(&sandbox, "private", &["-t", "ed25519"]);
    let private = sandbox.path("private");
    let body = std::fs::read_to_string(&private).unwrap().lines().nth(1).unwrap().to_owned();
    let exported = run("ssh-keygen", &["-e", "-f", &short], b"").good();
    std::fs::write(sandbox.path("rfc4716"), exported).unwrap();
    std::fs::write(sandbox.path("binary"), [0xff, 0, 1]).unwrap();
    std::fs::write(sandbox.path("huge"), vec![b'a'; 100_000]).unwrap();
    let at = |name: &str| sandbox.path(name).to_str().unwrap().to_owned();
    let before = sandbox.snapshot();
    for (public, message, hint) in [
        (short.clone(), "that RSA key has 2048 bits: 3072 are needed", "ssh-keygen -t ed25519"),
        (at("private"), "that is a private key, not a public one", ".pub"),
        (at("rfc4716"), "another format than OpenSSH's", "ssh-keygen -i"),
        (at("binary"), "not an SSH public key", "not even text"),
        (at("missing"), "neither an SSH public key nor a file", "its .pub file"),
        (format!("{good}\n{good}"), "more than one line", "each label"),
        (good.replace("AAAAC3", "AAAAC3!"), "not an SSH public key", "ssh-ed25519 AAAA"),
        (good.replace(" good", "\u{1b}[31m"), "control character", ".pub"),
        (format!("ssh-dss AAAAB3NzaC1kc3M= {}", "x"), "DSA", "ssh-keygen -t ed25519"),
        (format!("no-ptty {good}"), "none that sshd knows", "did you mean `no-pty`?"),
        (std::fs::read_to_string(&private).unwrap(), "that is a private key", "make a new one"),
    ] {
        let err = sandbox.pkeys(&["key", "add", "joe", "laptop", "--public", &public]).bad(message, hint);
        assert!(!err.contains(&body) && !err.contains('\u{1b}'), "{err}");
    }
    assert_eq!(sandbox.pkeys(&["key", "add", "joe", "laptop", "--public", &at("huge")]).status, 1);
    let twice = format!("restrict {good}");
    sandbox
        .pkeys(&["key", "add", "joe", "laptop", "--public", &twice, "--options", "no-pty"])
        .bad("options are given twice", "leave one");
    for bad in [
        &["key", "add", "joe", "laptop"][..],
        &["key", "add", "joe", "a b", "--public", good],
        &["key", "add", "joe", "l", "--public", good, "--options", "from=x"],
    ] {
        assert_eq!(sandbox.pkeys(bad).status, 2, "{bad:?}");
    }
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn adding_again_keeps_and_another_key_of_the_same_name_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    let (_, one) = sandbox.ssh_key("one", "ed25519");
    let (_, two) = sandbox.ssh_key("two", "ed25519");
    let add =
        |key: &str, more: &[&str]| sandbox.pkeys(&[&["key", "add", "joe", "laptop", "--public", key], more].concat());
    let first = add(&one, &[]);
    assert!(first.err.contains("next: name the hosts of joe in pkeys.toml: [users.joe]"), "{first:?}");
    assert!(String::from_utf8(sandbox.read("pkeys.toml")).unwrap().contains("\n[users.joe]\nhosts = []\n"));
    let before = sandbox.snapshot();
    assert!(add(&one, &[]).good().starts_with("kept joe laptop SHA256:"));
    add(&two, &[]).bad("joe laptop has another key already", "pkeys rotate joe --key laptop");
    sandbox
        .pkeys(&["key", "add", "joe", "desk", "--public", &one])
        .bad("joe desk and joe laptop are the same public key", "key list");
    assert_eq!(sandbox.snapshot(), before);
    users(&sandbox, "[users.joe]\nhosts = [\"web\"]\n");
    let changed = add(&one, &["--options", "restrict,pty"]);
    assert!(changed.out.starts_with("changed") && changed.err.contains("1 host will accept it"), "{changed:?}");
    sandbox.pkeys(&["render"]).good();
    assert_eq!(authorized(&sandbox, "web")["joe"][0], format!("restrict,pty {one}"));
    // Without a comment it gets one; from standard input, as from a file.
    let bare: Vec<_> = two.split(' ').take(2).collect();
    sandbox.pkeys_with(&["key", "add", "joe", "desk", "--public", "-"], bare.join(" ").as_bytes()).good();
    assert!(
        String::from_utf8(sandbox.read("keys.toml")).unwrap().contains(&format!("\"{} joe desk\"", bare.join(" ")))
    );
}

#[test]
fn the_last_key_on_a_host_stays_unless_forced() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.host("db", &[]);
    users(&sandbox, "[users.joe]\nhosts = [\"*\"]\n");
    let keys: Vec<_> = (0..3).map(|n| sandbox.ssh_key(&format!("k{n}"), "ed25519").1).collect();
    sandbox.pkeys(&["key", "add", "joe", "laptop", "--public", &keys[0]]).good();
    sandbox.pkeys(&["key", "add", "joe", "desk", "--public", &keys[1], "--host", "web"]).good();
    let before = sandbox.snapshot();
    sandbox
        .pkeys(&["key", "remove", "joe", "laptop"])
        .bad("joe laptop is the last key of joe on db", "add another first");
    sandbox.pkeys(&["key", "remove", "joe", "lapto"]).bad("no key joe lapto", "did you mean joe laptop?");
    assert_eq!(sandbox.snapshot(), before);
    sandbox.pkeys(&["key", "remove", "joe", "desk"]).good();
    // A pending key may not work: it is no reason to let the active one go.
    let text = String::from_utf8(sandbox.read("keys.toml")).unwrap();
    let pending = format!(
        "{text}\n[[key]]\nuser = \"joe\"\nlabel = \"new\"\nstate = \"pending\"\npublic = \"{}\"\nadded = 2026-01-01\n",
        keys[2]
    );
    std::fs::write(sandbox.repo().join("keys.toml"), pending).unwrap();
    sandbox.pkeys(&["key", "remove", "joe", "laptop"]).bad("the last key of joe on db, web", "--force");
    sandbox.pkeys(&["key", "remove", "joe", "new"]).bad("joe new is being rotated", "pkeys rotate joe");
    let forced = sandbox.pkeys(&["key", "remove", "joe", "laptop", "--force"]);
    assert!(forced.err.contains("joe has no key on db, web now"), "{forced:?}");
    sandbox.pkeys(&["key", "remove", "joe", "new", "--force"]).good();
    sandbox.pkeys(&["render"]).good();
    assert_eq!(authorized(&sandbox, "web"), serde_json::json!({}));
}

#[test]
fn the_public_half_is_derived_from_a_private_half_in_a_source() {
    let sandbox = Sandbox::new();
    let (private, public) = sandbox.ssh_key("mine", "ed25519");
    sandbox.secret("ssh-joe", &std::fs::read(private).unwrap(), &[]);
    sandbox.pkeys(&["key", "add", "joe", "laptop", "--from", "age:ssh-joe"]).good();
    let text = String::from_utf8(sandbox.read("keys.toml")).unwrap();
    let bare: Vec<_> = public.split(' ').take(2).collect();
    assert!(
        text.contains(&format!("{} joe laptop", bare.join(" "))) && text.contains("private = \"age:ssh-joe\""),
        "{text}"
    );
    assert!(sandbox.pkeys(&["key", "list"]).good().contains("age:ssh-joe"));
    let said = sandbox.pkeys(&["key", "remove", "joe", "laptop"]);
    assert!(said.err.contains("Its private half stays at age:ssh-joe"), "{said:?}");
    let locked = sandbox.path("locked");
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "hunter2", "-f", locked.to_str().unwrap()], b"").good();
    sandbox.secret("locked", &std::fs::read(locked).unwrap(), &[]);
    sandbox.secret("other", b"hunter2", &[]);
    for (from, message, hint) in [
        ("age:locked", "age:locked is locked with a passphrase", "--public"),
        ("age:other", "age:other is not an SSH private key", "ssh-format=openssh"),
        ("age:none", "there is no ", "pkeys secret set none"),
    ] {
        let err = sandbox.pkeys(&["key", "add", "joe", "x", "--from", from]).bad(message, hint);
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn keys_are_listed_by_what_is_due_and_check_says_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    users(
        &sandbox,
        "[users.joe]\nhosts = [\"*\"]\nrotate-every = \"12w\"\n[users.eve]\nhosts = [\"*\"]\nrotate-every = \"36500d\"\n[users.tim]\nhosts = [\"*\"]\n",
    );
    let keys: Vec<_> = (0..6).map(|n| sandbox.ssh_key(&format!("k{n}"), "ed25519").1).collect();
    keys_toml(
        &sandbox,
        &[
            ("eve", "laptop", "active", &keys[0], ""),
            ("joe", "token", "active", TOKENS[0], ""),
            ("joe", "laptop", "active", &keys[1], "private = \"age:x\""),
            ("joe", "laptop", "pending", &keys[2], "private = \"age:x\""),
            ("joe", "desk", "active", &keys[3], "hosts = [\"wbe\"]"),
            ("joee", "desk", "active", &keys[4], ""),
        ],
    );
    let listed: serde_json::Value = serde_json::from_str(&sandbox.pkeys(&["key", "list", "--json"]).good()).unwrap();
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|k| format!("{} {} {}", k["user"], k["label"], k["due"]).replace('"', ""))
        .collect();
    assert_eq!(
        names,
        [
            "joe desk 2026-03-26",
            "joe laptop 2026-03-26",
            "joe token 2026-03-26",
            "eve laptop 2125-12-08",
            "joe laptop null",
            "joee desk null"
        ]
    );
    let ran = sandbox.pkeys(&["check"]);
    assert_eq!(ran.status, 1);
    for expected in [
        "keys.toml:2: warning: key eve",
        "keys.toml:9: warning: key joe token: it is ",
        "Make a new one by hand",
        "keys.toml:16: warning: key joe laptop: it is ",
        "`pkeys rotate joe`",
        "keys.toml:30: error: key joe desk: `hosts` names wbe, which selects no host",
        "did you mean web?",
        "keys.toml:37: error: key joee desk: [users] of pkeys.toml has no joee",
        "did you mean joe?",
        "warning: user tim has no key",
    ]
    .iter()
    .skip(1)
    {
        assert!(ran.out.contains(expected), "{expected}\n{}", ran.out);
    }
    std::fs::write(sandbox.repo().join("keys.toml"), "version = 1\nkee = 1\n").unwrap();
    let ran = sandbox.pkeys(&["check"]);
    assert!(ran.out.contains("keys.toml:2: error: unknown key `kee`\n  hint: did you mean `key`?"), "{}", ran.out);
}

#[test]
fn sshd_obeys_the_rendered_lines() {
    if !crate::common::root("a real sshd") {
        return;
    }
    let sandbox = Sandbox::new();
    let host = sandbox.host("web", &[]);
    users(&sandbox, "[users.root]\nhosts = [\"*\"]\n");
    let add = |label: &str, options: &str| {
        let (private, public) = sandbox.ssh_key(label, "ed25519");
        sandbox.pkeys(&["key", "add", "root", label, "--public", &public, "--options", options]).good();
        private
    };
    let forced = add("forced", "from=\"127.0.0.1,10.0.0.0/8\",command=\"echo \\\"forced, it is\\\" #1\",no-pty");
    let far = add("far", "from=\"10.9.9.9\"");
    let plain = add("plain", "restrict");
    sandbox.pkeys(&["render"]).good();
    let lines = authorized(&sandbox, "web")["root"].clone();
    let text: String = lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned() + "\n").collect();
    let file = sandbox.path("authorized_keys");
    std::fs::write(&file, text).unwrap();
    let setting = format!("AuthorizedKeysFile={}", file.display());
    let sshd = Sshd::start(
        &sandbox.path("."),
        &host,
        &[&setting, "StrictModes=no", "PermitRootLogin=yes", "PasswordAuthentication=no"],
    );
    let login = |key: &Path| {
        let mut command = sandbox.command_of("ssh");
        command.args([
            "-F",
            "/dev/null",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ]);
        command.args([
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "IdentityAgent=none",
            "-p",
            &sshd.port.to_string(),
            "-i",
        ]);
        run_command(command.arg(key).args(["root@127.0.0.1", "echo asked"]), b"")
    };
    assert_eq!(login(&forced).good(), "forced, it is\n");
    assert_eq!(login(&plain).good(), "asked\n");
    let refused = login(&far);
    assert!(refused.status == 255 && refused.err.contains("Permission denied"), "{refused:?}");
}

//! `pkeys scan`: keys made by the real programs, in repositories made by the real git; and no secret is ever printed.

use crate::common::{Ran, Sandbox, run, run_command};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// A repository in the sandbox's directory.
fn repository() -> Sandbox {
    let sandbox = Sandbox::empty();
    git(&sandbox, &["init", "-q", "-b", "main", "."]);
    sandbox
}

#[track_caller]
fn git(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "protocol.file.allow=always"];
    run_command(sandbox.command_of("git").args(who).args(arguments), b"").good()
}

fn put(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>) {
    let path = sandbox.repo().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Commits everything; gives the commit.
#[track_caller]
fn commit(sandbox: &Sandbox, message: &str) -> String {
    git(sandbox, &["add", "-A"]);
    git(sandbox, &["commit", "-q", "--allow-empty", "-m", message]);
    git(sandbox, &["rev-parse", "HEAD"]).trim().to_owned()
}

#[track_caller]
fn scan(sandbox: &Sandbox, arguments: &[&str]) -> (i32, Value) {
    let mut all = vec!["--json", "scan"];
    all.extend(arguments);
    let ran = sandbox.pkeys(&all);
    (ran.status, serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}")))
}

/// `KIND PATH:LINE` of each finding.
fn found(report: &Value) -> Vec<String> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let one = |f: &Value| format!("{} {}:{}", text(f, "kind"), text(f, "path"), f["line"]);
    report["findings"].as_array().unwrap().iter().map(one).collect()
}

fn age_key() -> String {
    let text = run("age-keygen", &[] as &[&str], b"").good();
    text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap().to_owned()
}

/// Every stretch of 16 characters of these secrets' bodies is absent.
#[track_caller]
fn never_shown(ran: &Ran, secrets: &[String]) {
    for secret in secrets {
        let body: String = secret.lines().filter(|line| !line.contains("-----")).collect();
        let body = body.strip_prefix("AGE-SECRET-KEY-1").unwrap_or(&body).as_bytes();
        for part in body.windows(body.len().min(16)) {
            let part = String::from_utf8_lossy(part);
            // What all OpenSSH keys begin with is no secret, and is not shown either.
            assert!(!ran.out.contains(&*part) && !ran.err.contains(&*part), "{} shown", part.len());
        }
    }
}

#[test]
fn keys_of_every_make_are_found_and_no_byte_of_them_is_shown() {
    let sandbox = repository();
    let path = |name: &str| sandbox.repo().join(name).to_str().unwrap().to_owned();
    for (name, more) in [
        ("ed25519", &["-t", "ed25519", "-N", ""][..]),
        ("ed25519-locked", &["-t", "ed25519", "-N", "passphrase"]),
        ("ecdsa", &["-t", "ecdsa", "-N", ""]),
        ("rsa", &["-t", "rsa", "-b", "2048", "-N", ""]),
        ("rsa-pem", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]),
        ("rsa-pem-locked", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "passphrase"]),
        ("ecdsa-pem", &["-t", "ecdsa", "-m", "PEM", "-N", ""]),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", ""]),
        ("rsa-pkcs8-locked", &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "passphrase"]),
    ] {
        run("ssh-keygen", &[&["-q", "-f", &path(name)], more].concat(), b"").good();
    }
    run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", &path("openssl-ed25519")], b"").good();
    let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path("openssl-ec")];
    run("openssl", &curve, b"").good();
    run("age-keygen", &["-o", &path("age")], b"").good();
    let names: Vec<_> = std::fs::read_dir(sandbox.repo()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let names = names.iter().filter_map(|n| n.to_str()).filter(|n| !n.ends_with(".pub") && *n != ".git");
    let secrets: Vec<_> = names.map(|name| String::from_utf8(sandbox.read(name)).unwrap()).collect();
    assert_eq!(secrets.len(), 12);
    let body = |text: &String| {
        let text = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        text.split_once("DEK-Info").map_or(text.clone(), |(_, body)| body.to_owned())
    };
    let bodies: Vec<_> = secrets.iter().map(body).collect();

    let (status, report) = scan(&sandbox, &[]);
    let all = [
        "age-secret-key age:3",
        "ssh-private-key ecdsa:1",
        "pem-private-key ecdsa-pem:1",
        "ssh-private-key ed25519:1",
        "ssh-private-key ed25519-locked:1",
        "pem-private-key openssl-ec:1",
        "pem-private-key openssl-ed25519:1",
        "ssh-private-key rsa:1",
        "pem-private-key rsa-pem:1",
        "pem-private-key rsa-pem-locked:1",
        "pem-private-key rsa-pkcs8:1",
        "pem-private-key rsa-pkcs8-locked:1",
    ];
    assert_eq!((status, found(&report)), (1, all.map(String::from).to_vec()));
    for finding in report["findings"].as_array().unwrap() {
        let (name, masked) = (finding["path"].as_str().unwrap(), finding["masked"].as_str().unwrap());
        assert_eq!(masked.contains("locked by a passphrase"), name.ends_with("-locked"), "{name}: {masked}");
        let fingerprint = finding["fingerprint"].as_str().unwrap();
        if ["ed25519", "ed25519-locked", "ecdsa", "rsa", "rsa-pem", "rsa-pkcs8"].contains(&name) {
            let theirs = run("ssh-keygen", &["-l", "-f", &path(&format!("{name}.pub"))], b"").good();
            assert!(theirs.contains(fingerprint), "{name}: {theirs}");
        }
        if name == "age" {
            assert_eq!(run("age-keygen", &["-y", &path("age")], b"").good().trim(), fingerprint);
        }
    }
    commit(&sandbox, "oops");
    for arguments in
        [&["scan"][..], &["scan", "--history"], &["scan", "--json"], &["scan", "-v", "--history", "--json"]]
    {
        never_shown(&sandbox.pkeys(arguments), &bodies);
    }
    let ran = sandbox.pkeys(&["scan", "--history"]);
    assert!(ran.out.contains("git's history stays") && ran.out.contains("pkeys rotate USER"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'));
}

#[test]
fn keys_in_other_files_indented_quoted_and_escaped_are_one_finding() {
    let sandbox = repository();
    let (private, _) = sandbox.ssh_key("joe", "ed25519");
    let key = std::fs::read_to_string(private).unwrap();
    put(&sandbox, "a-key", &key);
    put(
        &sandbox,
        "config.nix",
        format!("{{\n  key = ''\n{}'';\n}}", key.replace("\n", "\n    ").replacen("-", "    -", 1)),
    );
    put(&sandbox, "config.json", serde_json::json!({ "key": key }).to_string());
    put(&sandbox, ".env", format!("A=b\nPRIVATE_KEY=\"{}\"\n", key.trim().replace('\n', "\\n")));
    put(&sandbox, "image.bin", [&[0xff, 0, 0xfe][..], key.as_bytes(), &[0xff, 0]].concat());
    put(&sandbox, "cut-off", &key[..key.len() / 2]);
    let (_, report) = scan(&sandbox, &[]);
    assert_eq!(found(&report), ["ssh-private-key .env:2", "ssh-private-key cut-off:1"]);
    assert_eq!(report["findings"][0]["more"], 4);
    let text = sandbox.pkeys(&["scan"]);
    assert!(text.out.contains(".env:2 and 4 more places"), "{}", text.out);
    never_shown(&text, &[key]);
}

#[test]
fn public_and_encrypted_things_are_no_findings() {
    let sandbox = Sandbox::new();
    git(&sandbox, &["init", "-q", "-b", "main", "."]);
    let (_, public) = sandbox.ssh_key("joe", "ed25519");
    sandbox.host("web", &["--tag", "server"]);
    sandbox.secret("a", b"hunter2", &["web"]);
    sandbox.pkeys(&["render"]).good();
    put(&sandbox, "joe.pub", &public);
    let key = age_key();
    let recipient = run("age-keygen", &["-y"], key.as_bytes()).good();
    put(&sandbox, "recipient", &recipient);
    put(&sandbox, "armored", run("age", &["-a", "-r", recipient.trim()], key.as_bytes()).good());
    run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", sandbox.path("p8").to_str().unwrap()], b"").good();
    let public = run("openssl", &["pkey", "-pubout", "-in", sandbox.path("p8").to_str().unwrap()], b"").good();
    put(&sandbox, "public.pem", public);
    put(&sandbox, "sops.env", "DB_PASSWORD=ENC[AES256_GCM,data:abcdef,iv:abc,tag:abc,type:str]\nsops_version=3.9.0\n");
    put(&sandbox, ".env.example", "DB_PASSWORD=\nAPI_TOKEN=your-token-here\nX_SECRET=op://v/i/f\nY_TOKEN=${Y}\n");
    commit(&sandbox, "all of it");
    let ran = sandbox.pkeys(&["scan", "--history"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("1 commit") && ran.err.contains("0 findings"), "{}", ran.err);
}

#[test]
fn values_in_nix_and_env_files_are_masked_by_a_class_of_length() {
    let sandbox = repository();
    let token = BASE64_STANDARD.encode(format!(r#"{{"email":"x@example.org","secretKey":"{}"}}"#, "A3-".repeat(60)));
    let secrets = ["hunter2correct", "$6$saltsalt$abcdefghijklmnop", "tr0ub4dor", &token].map(String::from);
    put(
        &sandbox,
        "a.nix",
        format!("{{\n  initialPassword = \"{}\";\n  hashedPassword = \"{}\";\n}}", secrets[0], secrets[1]),
    );
    put(&sandbox, ".env", format!("DB_PASSWORD={}\n", secrets[2]));
    put(&sandbox, "deploy.sh", format!("export OP_SERVICE_ACCOUNT_TOKEN=ops_{token}\n"));
    let ran = sandbox.pkeys(&["scan"]);
    never_shown(&ran, &secrets);
    never_shown(&sandbox.pkeys(&["--json", "scan"]), &secrets);
    let rows: Vec<_> = ran.out.lines().take(4).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[0], "env-secret .env:1 DB_PASSWORD = … (8 to 15 characters)");
    assert_eq!(rows[1], "nix-password a.nix:2 initialPassword = … (8 to 15 characters)");
    assert_eq!(rows[2], "nix-password-hash a.nix:3 $6$… (28 characters)");
    let length = format!("ops_… ({} characters)", token.len() + 4);
    assert!(rows[3].starts_with("1password-service-token deploy.sh:1") && rows[3].contains(&length), "{}", rows[3]);
    let (_, report) = scan(&sandbox, &[]);
    let prints: Vec<_> = report["findings"].as_array().unwrap().iter().map(|f| f["fingerprint"].is_null()).collect();
    assert_eq!(prints, [true, true, true, false], "what can be guessed has no fingerprint");
}

#[test]
fn history_is_looked_through_on_every_reference_and_the_first_commit_is_named() {
    let sandbox = repository();
    let keys: Vec<_> = (0..9).map(|_| age_key()).collect();
    commit(&sandbox, "nothing");
    put(&sandbox, "removed", &keys[0]);
    let first = commit(&sandbox, "a key");
    put(&sandbox, "removed", format!("# a comment\n{}\n", keys[0]));
    put(&sandbox, "copy/of/it", &keys[0]);
    commit(&sandbox, "again");
    git(&sandbox, &["rm", "-q", "-r", "removed", "copy"]);
    commit(&sandbox, "removed");
    git(&sandbox, &["checkout", "-q", "-b", "merged"]);
    put(&sandbox, "on-merged", &keys[1]);
    commit(&sandbox, "on a branch");
    git(&sandbox, &["rm", "-q", "on-merged"]);
    commit(&sandbox, "not there any more");
    git(&sandbox, &["checkout", "-q", "main"]);
    commit(&sandbox, "meanwhile");
    git(&sandbox, &["merge", "-q", "--no-ff", "-m", "merge", "merged"]);
    git(&sandbox, &["checkout", "-q", "-b", "other"]);
    put(&sandbox, "on-other", &keys[2]);
    commit(&sandbox, "other");
    git(&sandbox, &["checkout", "-q", "--detach", "main"]);
    put(&sandbox, "on-tag", &keys[3]);
    commit(&sandbox, "tagged");
    git(&sandbox, &["tag", "-a", "-m", "v1", "v1"]);
    git(&sandbox, &["checkout", "-q", "main"]);
    put(&sandbox, "loose", &keys[4]);
    let blob = git(&sandbox, &["hash-object", "-w", "loose"]);
    git(&sandbox, &["tag", "-a", "-m", "a file", "a-file", blob.trim()]);
    for (name, key) in [("stash-1", &keys[5]), ("stash-2", &keys[6])] {
        std::fs::remove_file(sandbox.repo().join("loose")).ok();
        put(&sandbox, name, key);
        git(&sandbox, &["stash", "-q", "-u"]);
    }
    git(&sandbox, &["update-ref", "refs/remotes/origin/theirs", "other"]);
    git(&sandbox, &["worktree", "add", "-q", "--detach", "../beside", "main"]);
    std::fs::write(sandbox.path("beside/in-worktree"), &keys[7]).unwrap();
    let beside = sandbox.path("beside");
    git(&sandbox, &["-C", beside.to_str().unwrap(), "add", "-A"]);
    git(&sandbox, &["-C", beside.to_str().unwrap(), "commit", "-q", "-m", "detached, in another work tree"]);
    put(&sandbox, "new", &keys[8]);

    let expected = [
        "in-worktree:1",
        "new:1",
        "on-merged:1",
        "on-other:1",
        "on-tag:1",
        "refs/tags/a-file:1",
        "removed:1",
        "stash-1:1",
        "stash-2:1",
    ];
    let expected: Vec<_> = expected.iter().map(|place| format!("age-secret-key {place}")).collect();
    for packed in [false, true] {
        if packed {
            git(&sandbox, &["gc", "-q", "--aggressive"]);
        }
        let (status, report) = scan(&sandbox, &["--history"]);
        assert_eq!((status, found(&report)), (1, expected.clone()), "packed: {packed}");
        let removed = &report["findings"][6];
        assert_eq!((removed["commit"].as_str(), &removed["more"]), (Some(&*first), &Value::from(1)));
        assert!(removed["work_tree"].is_null() && report["findings"][1]["commit"].is_null());
        assert_eq!(report["complete"], true);
        never_shown(&sandbox.pkeys(&["scan", "--history"]), &keys);
    }
    // Without --history: the work tree alone. From another work tree: its own files, and the same history.
    assert_eq!(found(&scan(&sandbox, &[]).1), ["age-secret-key new:1"]);
    assert_eq!(found(&scan(&sandbox, &[beside.to_str().unwrap()]).1), ["age-secret-key in-worktree:1"]);
    let there = sandbox.pkeys(&["scan", "--history", "removed", "--json"]);
    assert!(there.status == 1 && there.out.matches("\"kind\"").count() == 1, "{there:?}");
    let text = sandbox.pkeys(&["scan", "--history"]).out;
    let line = text.lines().find(|line| line.contains("removed:1")).unwrap();
    assert!(
        line.contains("removed:1 and 1 more place ") && line.contains(&format!("since {} ", &first[..10])),
        "{line}"
    );
    assert!(line.contains("not in the work tree"), "{line}");
}

#[test]
fn a_value_that_moved_is_named_where_it_came_in_and_where_it_is() {
    let sandbox = repository();
    put(&sandbox, "old.nix", "{ password = \"correct horse\"; }");
    let first = commit(&sandbox, "first");
    git(&sandbox, &["mv", "old.nix", "new.nix"]);
    put(&sandbox, "new.nix", "# moved\n{\n  x.password = \"correct horse\";\n}");
    commit(&sandbox, "moved");
    let (_, report) = scan(&sandbox, &["--history"]);
    let one = &report["findings"][0];
    assert_eq!(found(&report), ["nix-password old.nix:1"]);
    assert_eq!(one["commit"].as_str(), Some(&*first));
    assert_eq!(one["work_tree"], serde_json::json!({ "path": "new.nix", "line": 3 }));
    assert!(sandbox.pkeys(&["scan", "--history"]).out.contains(", now new.nix:3"));
}

#[test]
fn what_is_staged_counts_and_what_is_ignored_does_not() {
    let sandbox = repository();
    let keys = [age_key(), age_key(), age_key(), age_key()];
    put(&sandbox, "staged", &keys[0]);
    put(&sandbox, "gone", &keys[1]);
    git(&sandbox, &["add", "-A"]);
    put(&sandbox, "staged", "clean now");
    std::fs::remove_file(sandbox.repo().join("gone")).unwrap();
    put(&sandbox, ".gitignore", "ignored\n");
    put(&sandbox, "ignored", &keys[2]);
    put(&sandbox, "new/one", &keys[3]);
    put(&sandbox, "meant", "later");
    git(&sandbox, &["add", "--intent-to-add", "meant"]);
    let (_, report) = scan(&sandbox, &[]);
    assert_eq!(report["complete"], true);
    assert_eq!(found(&report), ["age-secret-key gone:1", "age-secret-key new/one:1", "age-secret-key staged:1"]);
    let (_, report) = scan(&sandbox, &["new"]);
    assert_eq!(found(&report), ["age-secret-key new/one:1"]);
    // From a directory below, the whole repository; and from elsewhere with --repo.
    let mut below = sandbox.command();
    let ran = run_command(below.args(["scan", "--json"]).current_dir(sandbox.repo().join("new")), b"");
    assert_eq!(ran.out.matches("\"kind\"").count(), 3);
    let mut elsewhere = sandbox.command();
    let repo = sandbox.repo();
    let ran = run_command(elsewhere.args(["scan", "--json", "--repo"]).arg(&repo).current_dir("/"), b"");
    assert_eq!(ran.out.matches("\"kind\"").count(), 3, "{ran:?}");
}

#[test]
fn bare_and_shallow_repositories_and_missing_objects() {
    let sandbox = repository();
    let keys = [age_key(), age_key()];
    put(&sandbox, "old", &keys[0]);
    commit(&sandbox, "one");
    git(&sandbox, &["rm", "-q", "old"]);
    put(&sandbox, "new", &keys[1]);
    commit(&sandbox, "two");
    let here = format!("file://{}", sandbox.repo().display());
    git(&sandbox, &["clone", "-q", "--bare", &here, "../bare"]);
    git(&sandbox, &["clone", "-q", "--depth", "1", &here, "../shallow"]);
    let bare = sandbox.path("bare");
    let bare = bare.to_str().unwrap();
    sandbox.pkeys(&["scan", bare]).bad("is a bare repository", "--history");
    let both = ["age-secret-key new:1", "age-secret-key old:1"];
    assert_eq!(found(&scan(&sandbox, &["--history", bare]).1), both);

    let shallow = sandbox.path("shallow");
    let shallow = shallow.to_str().unwrap();
    let (status, report) = scan(&sandbox, &["--history", shallow]);
    assert_eq!((status, found(&report)), (1, vec!["age-secret-key new:1".to_owned()]));
    assert_eq!(report["complete"], false);
    let ran = sandbox.pkeys(&["scan", "--history", shallow]);
    assert!(ran.err.contains("this clone is shallow") && ran.err.contains("git fetch --unshallow"), "{}", ran.err);
    std::fs::remove_file(Path::new(shallow).join("new")).unwrap();
    git(&sandbox, &["-C", shallow, "add", "-A"]);
    assert_eq!(sandbox.pkeys(&["scan", shallow]).status, 0);

    let blob = git(&sandbox, &["rev-parse", "HEAD~1:old"]);
    let (folder, file) = blob.trim().split_at(2);
    std::fs::remove_file(sandbox.repo().join(".git/objects").join(folder).join(file)).unwrap();
    let ran = sandbox.pkeys(&["scan", "--history"]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("not read: old: git's object") && ran.err.contains("git fsck"), "{}", ran.err);
    assert!(ran.out.contains("age-secret-key  new:1"), "the rest is read: {}", ran.out);
}

#[test]
fn the_allow_list_needs_reasons_and_says_what_is_no_longer_needed() {
    let sandbox = repository();
    let key = age_key();
    put(&sandbox, "tests/keys/a", &key);
    put(&sandbox, "b.nix", "{ password = \"hunter2\"; }");
    let (private, _) = sandbox.ssh_key("joe", "ed25519");
    put(&sandbox, "joe", std::fs::read(private).unwrap());
    assert_eq!(sandbox.pkeys(&["scan"]).status, 1);
    let (_, report) = scan(&sandbox, &["joe"]);
    let print = report["findings"][0]["fingerprint"].as_str().unwrap();
    let list = format!(
        "# what may stay\ntests/keys/ age-secret-key  # made for tests\nb.nix nix-password  # a VM\n\
         joe ssh-private-key {print}  # joe's, for the demo\n"
    );
    put(&sandbox, ".pkeys-scan-ignore", &list);
    let ran = sandbox.pkeys(&["scan"]);
    assert_eq!((ran.status, &*ran.out), (0, ""), "{ran:?}");
    assert!(ran.err.contains("0 findings, 3 allowed"), "{}", ran.err);
    // The same value elsewhere is not allowed with it.
    put(&sandbox, "hosts/a", &key);
    assert_eq!(found(&scan(&sandbox, &[]).1), ["age-secret-key hosts/a:1"]);
    std::fs::remove_file(sandbox.repo().join("hosts/a")).unwrap();
    std::fs::remove_file(sandbox.repo().join("b.nix")).unwrap();
    let ran = sandbox.pkeys(&["scan", "--history"]);
    assert_eq!(ran.status, 0);
    assert!(ran.err.contains("warning: .pkeys-scan-ignore:3: b.nix nix-password is no longer needed"), "{}", ran.err);
    assert_eq!(scan(&sandbox, &[]).1["unneeded"][0]["line"], 3);
    for (bad, message, hint) in [
        ("b.nix nix-password\n", ".pkeys-scan-ignore:1: an entry without a reason", "# reason"),
        ("\nb.nix nix-passwort  # x\n", ".pkeys-scan-ignore:2: not a kind", "did you mean nix-password?"),
        ("../x nix-password\n", "without a reason", "docs/scan.md"),
    ] {
        put(&sandbox, ".pkeys-scan-ignore", bad);
        sandbox.pkeys(&["scan"]).bad(message, hint);
    }
    std::fs::remove_file(sandbox.repo().join(".pkeys-scan-ignore")).unwrap();
    symlink("/etc/hostname", sandbox.repo().join(".pkeys-scan-ignore")).unwrap();
    sandbox.pkeys(&["scan"]).bad("is a symbolic link", "put the file itself there");
}

#[test]
fn bad_input_is_said_and_has_a_next_step() {
    let empty = Sandbox::empty();
    empty.pkeys(&["scan"]).bad("there is no git repository in", "git init");
    let sandbox = repository();
    sandbox.pkeys(&["scan", "nowhere"]).bad("there is no nowhere", "--history");
    assert_eq!(sandbox.pkeys(&["scan"]).status, 0, "an empty repository");
    assert_eq!(sandbox.pkeys(&["scan", "--history"]).status, 0);

    // Links are not followed: neither to a file outside, nor through a folder that became one.
    let keys = [age_key(), age_key()];
    let outside = sandbox.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("key"), &keys[0]).unwrap();
    symlink(outside.join("key"), sandbox.repo().join("link")).unwrap();
    put(&sandbox, "folder/key", "nothing");
    commit(&sandbox, "links");
    std::fs::remove_dir_all(sandbox.repo().join("folder")).unwrap();
    symlink(&outside, sandbox.repo().join("folder")).unwrap();
    symlink("nowhere", sandbox.repo().join("dangling")).unwrap();
    std::process::Command::new("mkfifo").arg(sandbox.repo().join("pipe")).status().unwrap();
    for arguments in [&["scan"][..], &["scan", "--history"], &["scan", "link"]] {
        let ran = sandbox.pkeys(arguments);
        assert_eq!((ran.status, &*ran.out), (0, ""), "{arguments:?} {ran:?}");
        assert!(ran.err.contains("skipped: link: a symbolic link out of the repository, not followed"), "{}", ran.err);
    }

    // Neither names nor contents need be UTF-8, and no name steers the terminal.
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\x1b[31m");
    std::fs::write(sandbox.repo().join(name), &keys[1]).unwrap();
    put(&sandbox, "latin1.nix", b"{ comment = \"\xe9\"; password = \"hunter2\"; }");
    for _ in 0..2 {
        let ran = sandbox.pkeys(&["scan", "--history"]);
        assert!(ran.out.contains("\u{fffd}\\u001b[31m:1") && !ran.out.contains('\u{1b}'), "{ran:?}");
        assert!(
            ran.err.contains("skipped: latin1.nix: not UTF-8 text") && ran.err.contains("save it as UTF-8"),
            "{}",
            ran.err
        );
        never_shown(&ran, &keys);
        commit(&sandbox, "now in history");
    }
    let file = std::fs::File::create(sandbox.repo().join("large")).unwrap();
    file.set_len(65 * 1024 * 1024).unwrap();
    let ran = sandbox.pkeys(&["scan"]);
    assert!(ran.err.contains("skipped: large: larger than 64 MiB (65 MiB)"), "{}", ran.err);
}

#[test]
fn a_file_that_cannot_be_read_fails_the_scan() {
    if !crate::common::root("reading as another user") {
        return;
    }
    let sandbox = repository();
    put(&sandbox, "closed", age_key());
    put(&sandbox, "open", age_key());
    std::fs::set_permissions(sandbox.repo().join("closed"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(sandbox.top.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = sandbox.path("pkeys");
    crate::common::copy_program(crate::common::pkeys_binary(), &copy);
    let mut command = sandbox.command_of("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy).arg("scan");
    let ran = run_command(&mut command, b"");
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("open:1") && !ran.out.contains("closed"), "{ran:?}");
    assert!(ran.err.contains("not read: closed: cannot read it: permission denied"), "{}", ran.err);
    assert!(ran.err.contains("check the owner and mode"), "{}", ran.err);
}

#[test]
fn four_hundred_commits_and_two_thousand_versions() {
    let sandbox = repository();
    let key = age_key();
    let mut stream = String::new();
    for number in 0..400 {
        stream +=
            &format!("commit refs/heads/main\ncommitter a <a@b> {} +0000\ndata 1\nx\n", 1_700_000_000 + number * 60);
        for file in 0..5 {
            let secret = if number == 123 && file == 2 { &*key } else { "" };
            let text =
                format!("{{ services.s{number}.file{file} = {{ enable = true; port = {number}; }}; }}\n{secret}\n");
            stream += &format!("M 644 inline d{}/f{file}.nix\ndata {}\n{text}\n", number % 40, text.len());
        }
    }
    run_command(sandbox.command_of("git").args(["fast-import", "--quiet"]), stream.as_bytes()).good();
    git(&sandbox, &["reset", "-q", "--hard", "main"]);
    let (status, report) = scan(&sandbox, &["--history"]);
    assert_eq!((status, found(&report)), (1, vec!["age-secret-key d3/f2.nix:2".to_owned()]));
    assert_eq!((&report["commits"], &report["blobs"]), (&Value::from(400), &Value::from(2000)));
    assert_eq!(report["findings"][0]["date"], "2023-11-15T00:16:20Z");
    assert!(report["findings"][0]["work_tree"].is_null());
}

#[test]
fn the_kinds_in_the_documentation_are_those_there_are() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scan.md")).unwrap();
    for kind in pkeys::scan::Kind::all() {
        assert!(text.contains(&format!("`{}`", kind.name)), "{}", kind.name);
    }
}

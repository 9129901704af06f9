//! Post-quantum recipients, end to end and with typage: an implementation that we did not write.

mod mixture;
mod typage;

use crate::common::page::{between, rows};
use crate::common::{Sandbox, activate_binary, run_command};
use serde_json::json;
use std::path::{Path, PathBuf};
use typage::{age, host, typage, typed};

/// A repository that is post-quantum throughout, with the break-glass sheet's page.
fn repository(more: &[&str]) -> (Sandbox, PathBuf, String) {
    let sandbox = Sandbox::empty();
    sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann", "--post-quantum"]).good();
    let key = host(&sandbox, "web");
    sandbox.secret("token", b"hunter2", &["web"]);
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let sheets = memory.path().join("sheets");
    let arguments = ["break-glass", "init", "--post-quantum", "--yes", "--sheets", sheets.to_str().unwrap()];
    sandbox.pkeys(&[&arguments[..], more].concat()).good();
    let mut pages: Vec<_> = std::fs::read_dir(&sheets).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    let pages: String = pages.iter().map(|page| std::fs::read_to_string(page).unwrap()).collect();
    (sandbox, key, pages)
}

#[test]
fn a_post_quantum_host_and_break_glass_go_from_end_to_end() {
    let (sandbox, key, page) = repository(&[]);
    let bundle = String::from_utf8_lossy(&sandbox.read("bundles/web/secrets.age")).into_owned();
    let header = bundle.split("\n--- ").next().unwrap();
    assert_eq!(header.matches("-> mlkem768x25519 ").count(), 2, "the host and break-glass");
    assert!(!header.contains("-> X25519") && !header.contains("-> ssh-"), "{header}");
    let manifest: serde_json::Value = serde_json::from_slice(&sandbox.read("bundles/web/manifest.json")).unwrap();
    let ids: Vec<_> = manifest["recipients"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("age1pq:sha256:")), "{ids:?}");
    sandbox.pkeys(&["render"]).good();
    assert_eq!(sandbox.pkeys(&["secret", "show", "token"]).good(), "hunter2");

    // The host opens it with its identity.
    let root = sandbox.path("web");
    let signer = std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap();
    let copy =
        sandbox.command_of("cp").arg("-r").arg(sandbox.repo().join("bundles/web")).arg(root.join("bundle")).status();
    assert!(copy.unwrap().success());
    let spec = sandbox.path("spec.json");
    let said = json!({
        "version": 1, "host": "web", "trustedSigners": [signer.trim()], "bundles": ["/bundle"],
        "identities": ["/var/lib/pkeys-identity/key"], "fleet": manifest["fleet"],
    });
    std::fs::write(&spec, said.to_string()).unwrap();
    let install = |sandbox: &Sandbox| {
        let mut activate = sandbox.command_of(activate_binary());
        run_command(activate.args(["install", "--spec"]).arg(&spec).arg("--root").arg(&root), b"")
    };
    install(&sandbox).good();
    assert_eq!(std::fs::read(root.join("run/pkeys/secrets/token")).unwrap(), b"hunter2");
    assert!(key.exists());

    // Break-glass opens it with what is typed from the sheet; the drill finds nothing.
    let lines = typed(&page);
    let open = ["break-glass", "open", "web", "--secret", "token"];
    assert_eq!(sandbox.pkeys_with(&open, lines.as_bytes()).good(), "hunter2");
    sandbox.pkeys_with(&["break-glass", "drill"], lines.as_bytes()).good();
    let wrong = lines.replacen("1 ", "1 Q", 1);
    sandbox.pkeys_with(&open, wrong.as_bytes()).bad("line 1", "compare with the sheet");

    // It is replaced by one of its kind, and a host that lost its key is brought back.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let sheets = memory.path().join("sheets");
    sandbox.pkeys(&["break-glass", "rotate", "--yes", "--sheets", sheets.to_str().unwrap()]).good();
    let page = std::fs::read_to_string(sheets.join("sheet.html")).unwrap();
    assert!(page.contains("AGE-SECRET-KEY-PQ-1"));
    assert!(sandbox.pkeys_with(&open, lines.as_bytes()).status != 0, "the old one opens nothing new");
    let (file, again) = (sandbox.path("new"), sandbox.path("new.pub"));
    age(&sandbox, &["-pq", "-o", file.to_str().unwrap()], b"").good();
    age(&sandbox, &["-y", file.to_str().unwrap(), "-o", again.to_str().unwrap()], b"").good();
    let recipient = std::fs::read_to_string(&again).unwrap();
    let reseal = ["break-glass", "reseal", "web", "--yes", "--recipient", recipient.trim()];
    sandbox.pkeys_with(&reseal, typed(&page).as_bytes()).good();
    let payload = sandbox.repo().join("bundles/web/secrets.age");
    let tar = age(&sandbox, &["-d", "-i", file.to_str().unwrap(), payload.to_str().unwrap()], b"").good();
    assert!(tar.contains("hunter2"), "its new key opens it");
}

#[test]
fn typage_opens_what_pkeys_sealed_and_pkeys_what_typage_sealed() {
    let sandbox = Sandbox::empty();
    sandbox.pkeys(&["init", "--no-passphrase", "--name", "ann", "--post-quantum"]).good();
    sandbox.secret("mine", b"made by pkeys", &[]);
    let identity = sandbox.path("config/identity-pq.txt");
    let file = sandbox.repo().join("secrets/mine.age");
    let opened = age(&sandbox, &["-d", "-i", identity.to_str().unwrap(), file.to_str().unwrap()], b"").good();
    assert_eq!(opened, "made by pkeys");

    let recipient = std::fs::read_to_string(sandbox.path("config/identity-pq.pub")).unwrap();
    let other = age(&sandbox, &["-pq"], b"").good();
    let (key, public) = (sandbox.path("other"), sandbox.path("other.pub"));
    std::fs::write(&key, other).unwrap();
    age(&sandbox, &["-y", key.to_str().unwrap(), "-o", public.to_str().unwrap()], b"").good();
    let other = std::fs::read_to_string(&public).unwrap();
    let arguments = ["-r", other.trim(), "-r", recipient.trim(), "-o", file.to_str().unwrap()];
    age(&sandbox, &arguments, b"made by hand").good();
    sandbox.accept();
    assert_eq!(sandbox.pkeys(&["secret", "show", "mine"]).good(), "made by hand");
    // A changed stanza is refused.
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.windows(17).rposition(|window| window == b"-> mlkem768x25519").unwrap() + 40;
    bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
    std::fs::write(&file, bytes).unwrap();
    sandbox.accept();
    sandbox.pkeys(&["secret", "show", "mine"]).bad("cannot decrypt mine.age", "");
}

#[test]
fn what_the_post_quantum_sheet_says_works_without_pkeys() {
    let (sandbox, _, page) = repository(&[]);
    let shared = repository(&["--shares", "2-of-3"]);
    // The commands of age are those of typage.
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/post_quantum/age.mjs");
    let run = format!("TYPAGE='{}' exec node '{}' \"$@\"", typage().display(), program.display());
    let by_hand = |sandbox: &Sandbox, page: &str, typed: &str| {
        for name in ["age", "age-keygen"] {
            sandbox.script(&format!("tmp/{name}"), &run);
        }
        let memory = sandbox.path("memory");
        std::fs::create_dir_all(&memory).unwrap();
        let open = between(page, "<dl id=\"open\"", "</dl>");
        assert_eq!(open.len(), 1);
        let first = between(page.split_once("<dl id=\"open\"").unwrap().1, "<dt", "</dt>").remove(0);
        let prove = between(page, "<pre id=\"type\"", "</pre>").remove(0);
        let script = format!("{prove}\n{first}\ncat $D/secrets/token").replace("HOST", "web");
        let script = script.replace("/dev/shm", memory.to_str().unwrap());
        let path = format!("{}:{}", sandbox.path("tmp").display(), std::env::var("PATH").unwrap());
        run_command(sandbox.command_of("sh").args(["-ec", &script]).env("PATH", path), typed.as_bytes()).good()
    };
    let name = |page: &str| between(page, "fingerprint<b", "</b>").remove(0);
    let groups: String = rows(&page).iter().map(|(_, groups, _)| groups.to_lowercase() + "\n").collect();
    assert_eq!(by_hand(&sandbox, &page, &groups), format!("{}\nhunter2", name(&page)));
    let (sandbox, _, pages) = shared;
    let pages: Vec<_> = pages.split("<!DOCTYPE").skip(1).collect();
    let lines = typed(pages[2]) + &typed(pages[0]);
    assert_eq!(by_hand(&sandbox, pages[0], &lines), format!("{}\nhunter2", name(pages[0])));
    assert_eq!(
        sandbox.pkeys_with(&["break-glass", "open", "web", "--secret", "token"], lines.as_bytes()).good(),
        "hunter2"
    );
}

#[test]
fn a_recipient_that_was_cut_off_is_refused_and_a_leaked_key_is_found() {
    let sandbox = Sandbox::new();
    let key = age(&sandbox, &["-pq"], b"").good();
    let file = sandbox.repo().join("leaked");
    std::fs::write(&file, &key).unwrap();
    let public = age(&sandbox, &["-y", file.to_str().unwrap()], b"").good();
    let add = |recipient: &str| sandbox.pkeys(&["host", "add", "web", "--recipient", recipient]);
    let cut = add(&public[..500]);
    assert!(cut.status == 2 && cut.err.contains("has 500 characters, and not 1959"), "{cut:?}");
    let private = add(key.trim());
    assert!(private.status == 2 && private.err.contains("an argument looks like a secret"), "{private:?}");
    assert!(!private.err.contains(&key[30..60]), "{private:?}");

    run_command(sandbox.command_of("git").args(["init", "-q"]), b"").good();
    let found = sandbox.pkeys(&["scan"]);
    assert_eq!(found.status, 1, "{found:?}");
    assert!(found.out.contains("age-secret-key") && found.out.contains("AGE-SECRET-KEY-PQ-1"), "{found:?}");
    assert!(!found.out.contains(&key[30..60]), "{found:?}");
    std::fs::write(&file, key.replace('Q', "P")).unwrap();
    sandbox.pkeys(&["scan"]).good();
}

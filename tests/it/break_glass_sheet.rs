//! The break-glass sheets, used as a person uses them: printed, scanned, typed, with programs that we did not write.

use crate::common::page::{between, rows};
use crate::common::{Sandbox, run, run_command};
use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use pkeys::break_glass::{About, Anchor, BreakGlassIdentity, COMBINE, Share, combine, key_sheet, share_sheet, split};
use std::path::{Path, PathBuf};
use std::process::Command;

const ABOUT: About = About { label: "Müller & Söhne <infrastructure>", date: "2026-11-23" };
/// As wide as a label can be.
const WIDE: About = About { label: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW WWWWWWWWWWWWWWWWWWWWWWWWWWWWW", date: "2026-11-23" };

fn anchor() -> Anchor {
    let signer = "SHA256:uNiVztksCsDhcc0u9e8BrrftZ1T9AmzvlAxVTb7Z0BE".to_owned();
    Anchor { fleet: pkeys::base::FleetId::random(), signer }
}

fn text(secret: &pkeys::base::SecretBytes) -> String {
    secret.expose_str().unwrap().to_owned()
}

/// Whether pages can be printed here; says so if not.
fn can_print() -> bool {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let can = there("chromium") && there("pdfinfo") && there("pdftoppm") && there("zbarimg");
    if !can {
        eprintln!("skipped: chromium, poppler-utils and zbar-tools are not all installed (tests/run installs them)");
    }
    can
}

/// Prints a page on paper of this size, as a PDF.
fn print(sandbox: &Sandbox, html: &str, paper: &str) -> PathBuf {
    let (page, pdf) = (sandbox.path("page.html"), sandbox.path("page.pdf"));
    let sized = format!("<style>@page {{ size: {paper} }}</style></head>");
    std::fs::write(&page, html.replace("</head>", &sized)).unwrap();
    let profile = format!("--user-data-dir={}", sandbox.path("tmp").display());
    let output = format!("--print-to-pdf={}", pdf.display());
    #[rustfmt::skip]
    let arguments = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-pdf-header-footer",
    ];
    let mut chromium = sandbox.command_of("chromium");
    run_command(chromium.args(arguments).args([&profile, &output]).arg(&page), b"").good();
    pdf
}

/// What an independent reader finds in the picture of the first page.
fn scanned(sandbox: &Sandbox, pdf: &Path) -> String {
    let picture = sandbox.path("page");
    let arguments = ["-r", "150", "-png", "-singlefile", pdf.to_str().unwrap(), picture.to_str().unwrap()];
    run("pdftoppm", &arguments, b"").good();
    run("zbarimg", &["-q", "--raw", sandbox.path("page.png").to_str().unwrap()], b"").good().trim().to_owned()
}

#[test]
fn each_sheet_is_one_page_of_a4_and_letter_and_its_code_is_read_back() {
    if !can_print() {
        return;
    }
    let sandbox = Sandbox::empty();
    let keys = [BreakGlassIdentity::generate().unwrap(), BreakGlassIdentity::generate_post_quantum().unwrap()];
    for (key, about) in keys.iter().flat_map(|key| [(key, ABOUT), (key, WIDE)]) {
        let share = split(key, 3, 5).unwrap().remove(1);
        let sheets = [
            (key_sheet(key, &anchor(), &about).unwrap(), text(key.text())),
            (share_sheet(&share, key.recipient(), &anchor(), &about).unwrap(), text(&share.text())),
        ];
        for (sheet, secret) in &sheets {
            for paper in ["A4", "letter"] {
                let pdf = print(&sandbox, &text(sheet), paper);
                let said = run("pdfinfo", &[&pdf], b"").good();
                assert!(said.lines().any(|line| line.split_whitespace().eq(["Pages:", "1"])), "{paper}: {said}");
                assert_eq!(&scanned(&sandbox, &pdf), secret, "{paper}");
            }
        }
    }
}

/// A repository with one host, whose bundle, local secret and escrow the key opens.
fn repository(key: &BreakGlassIdentity) -> Sandbox {
    let sandbox = Sandbox::new();
    let manifest = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let recipient = key.recipient().to_string();
    let with =
        manifest.replace("[break-glass]\nrecipients = []", &format!("[break-glass]\nrecipients = [\"{recipient}\"]"));
    assert_ne!(manifest, with);
    sandbox.manifest(with);
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    sandbox.pkeys(&["render"]).good();
    let script = format!(
        "set -e; mkdir -p users break-glass; printf 'the key of ann' > users/ann; \
         tar -c users | age -r {recipient} -o break-glass/escrow.age; rm -r users"
    );
    run_command(sandbox.command_of("sh").args(["-c", &script]), b"").good();
    std::fs::write(sandbox.repo().join("break-glass/combine.py"), COMBINE).unwrap();
    sandbox
}

/// Does what a sheet prints, with `typed` at the keyboard, without pkeys: gives what was seen.
fn follow(sandbox: &Sandbox, page: &str, typed: &str) -> String {
    let memory = sandbox.path("memory");
    std::fs::create_dir_all(memory.join("nothing")).unwrap();
    let commands: Vec<_> = between(page, "<dl id=\"open\"", "</dl>");
    assert_eq!(commands.len(), 1);
    let open = page.split_once("<dl id=\"open\"").unwrap().1.split_once("</dl>").unwrap().0;
    let mut lines = between(open, "<dt", "</dt>");
    let tidy = lines.pop().unwrap();
    let look = "cat $D/secrets/token; stat -c ' %a' $D/secrets/token $D/key | tr -d '\\n'; stat -c ' %a' $D".to_owned();
    let script =
        [&[between(page, "<pre id=\"type\"", "</pre>").remove(0)][..], &lines, &[look, tidy]].concat().join("\n");
    let script = script.replace("HOST", "web").replace("NAME", "token").replace("PATH", "users/ann");
    let script = script.replace("/dev/shm", memory.to_str().unwrap());
    let seen = run_command(sandbox.command_of("sh").args(["-ec", &script]), typed.as_bytes()).good();
    assert_eq!(std::fs::read_dir(&memory).unwrap().count(), 1, "the key and the secrets are gone");
    seen
}

const SEEN: &str = "hunter2users/\nusers/ann\nthe key of annhunter2 400 600 700\n";

#[test]
fn debians_age_and_tar_open_everything_with_what_is_typed_from_the_key_sheet() {
    let key = BreakGlassIdentity::generate().unwrap();
    let sandbox = repository(&key);
    let page = text(&key_sheet(&key, &anchor(), &ABOUT).unwrap());
    // In small letters and with spaces, as it is comfortable.
    let typed: String = rows(&page).iter().map(|(_, groups, _)| groups.to_lowercase() + "\n").collect();
    assert_eq!(follow(&sandbox, &page, &typed), format!("{}\n{SEEN}", key.recipient()));
}

#[test]
fn debians_age_opens_with_the_file_behind_a_passphrase() {
    let key = BreakGlassIdentity::generate().unwrap();
    let sandbox = repository(&key);
    let passphrase = pkeys::base::SecretBytes::copy_of(b"correct horse");
    let file = sandbox.path("break-glass.age");
    std::fs::write(&file, key.locked_file(&passphrase).unwrap()).unwrap();
    let ran = sandbox.typing(&format!("age -d -i {} secrets/token.age", file.display()), &["correct horse"]);
    assert!(ran.good().trim_end().ends_with("hunter2"));
}

#[test]
fn python_age_and_tar_open_everything_with_what_the_holders_type_from_their_sheets() {
    let key = BreakGlassIdentity::generate().unwrap();
    let sandbox = repository(&key);
    let shares = split(&key, 3, 5).unwrap();
    let pages: Vec<_> =
        shares.iter().map(|share| text(&share_sheet(share, key.recipient(), &anchor(), &ABOUT).unwrap())).collect();
    let lines = |page: &String| rows(page).iter().map(|(l, g, s)| format!("{l} {g} {s}\n")).collect::<String>();
    let typed = lines(&pages[4]).to_lowercase() + &lines(&pages[1]) + &lines(&pages[2]);
    assert_eq!(follow(&sandbox, &pages[1], &typed), format!("{}\n{SEEN}", key.recipient()));

    let combine = |typed: &str| run("python3", &["-c", COMBINE], typed.as_bytes());
    let scanned = [0, 3, 2].map(|i| text(&shares[i].text())).join("\n");
    assert_eq!(combine(&scanned).good().trim(), text(key.text()));
    let few = combine(&(lines(&pages[0]) + &lines(&pages[1])));
    assert_eq!((few.status, few.err.trim()), (1, "2 different shares are there, 3 are needed"));
    let wrong = combine(&lines(&pages[0]).replacen("1.3 ", "1.3 Q", 1));
    assert_eq!((wrong.status, wrong.err.trim()), (1, "line 1.3 does not fit its checksum: type it again"));
}

#[test]
fn ssh_keygen_says_who_signed_as_the_sheet_says() {
    let sandbox = Sandbox::new();
    sandbox.host("web", &[]);
    sandbox.secret("token", b"hunter2", &["web"]);
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let sheets = memory.path().join("sheets");
    sandbox.pkeys(&["break-glass", "init", "--yes", "--sheets", sheets.to_str().unwrap()]).good();
    let page = std::fs::read_to_string(sheets.join("sheet.html")).unwrap();
    let set: serde_json::Value = serde_json::from_slice(&sandbox.read("break-glass/trust.json")).unwrap();
    std::fs::write(memory.path().join("signers"), format!("ann {}\n", set["signers"]["ann"].as_str().unwrap()))
        .unwrap();
    let script = between(&page, "<pre id=\"verify\"", "</pre>").remove(0).replace("NAME", "ann").replace("HOST", "web");
    let mut shell = sandbox.command_of("sh");
    let said = run_command(shell.env("D", memory.path()).args(["-ec", script.trim_start_matches('>')]), b"").good();
    let manifest: serde_json::Value = serde_json::from_slice(&sandbox.read("bundles/web/manifest.json")).unwrap();
    let mut lines = said.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("Good \"pkeys-trust\" signature with"), "{said}");
    let signer = first.rsplit(' ').next().unwrap();
    assert!(page.contains(&format!("<span class=\"public\">{signer}</span>")), "{first}");
    assert!(lines.next().unwrap().starts_with(manifest["payload"]["sha256"].as_str().unwrap()), "{said}");
    assert!(said.contains("Good \"pkeys-bundle\" signature for ann"), "{said}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(text: &str) -> Vec<u8> {
    CheckedHrpstring::new::<Bech32>(text).unwrap().byte_iter().collect()
}

#[test]
fn a_second_implementation_combines_our_shares_and_we_combine_its() {
    let python = tool("shamir/bin/python");
    let python = |script: &str| run(python.to_str().unwrap(), &["-c", script], b"").good();
    let key = BreakGlassIdentity::generate().unwrap();
    let secret = hex(&bytes_of(&text(key.text())));

    let shares = split(&key, 3, 5).unwrap();
    // Ours: head (6), x, y. Theirs: y, x.
    let theirs = |share: &Share| {
        let all = bytes_of(&text(&share.text()));
        format!("bytearray.fromhex('{}{}')", hex(&all[7..]), hex(&all[6..7]))
    };
    let some = [4, 0, 2].map(|i| theirs(&shares[i])).join(", ");
    assert_eq!(python(&format!("import pyshamir; print(pyshamir.combine([{some}]).hex())")).trim(), secret);
    let few = [4, 0].map(|i| theirs(&shares[i])).join(", ");
    assert_ne!(python(&format!("import pyshamir; print(pyshamir.combine([{few}]).hex())")).trim(), secret);

    let script = "import pyshamir\nfor s in pyshamir.split(bytes.fromhex('SECRET'), 5, 3): print(s[-1], s[:-1].hex())";
    let made = python(&script.replace("SECRET", &secret));
    let head = &bytes_of(&text(&shares[0].text()))[..6];
    let ours = |line: &str| {
        let (x, y) = line.split_once(' ').unwrap();
        let y: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&y[2 * i..2 * i + 2], 16).unwrap()).collect();
        let all = [head, &[x.parse().unwrap()], &y].concat();
        Share::parse(&bech32::encode_upper::<Bech32>(Hrp::parse("pkeys-share-").unwrap(), &all).unwrap()).unwrap()
    };
    let foreign: Vec<_> = made.lines().skip(1).take(3).map(ours).collect();
    assert_eq!(combine(&foreign).unwrap().text(), key.text());
}

/// A program under `target/test-tools`; panics with what to do when it is not there.
fn tool(path: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let found = own.ancestors().map(|folder| folder.join("test-tools").join(path)).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("target/test-tools/{path} is missing: run `tests/run`, which installs it"))
}

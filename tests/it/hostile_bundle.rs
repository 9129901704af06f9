//! What a stolen signer, or whoever can commit, may put into a bundle to stall or exhaust who reads it: refused by its size,
//! before it is parsed.

use crate::common::host::{Bundle, Machine};
use crate::common::{run, run_command};
use serde_json::json;
use std::process::Command;

const HEAD: &[u8] = b"age-encryption.org/v1\n";

/// Its one candidate is refused for this reason.
#[track_caller]
fn refused(machine: &Machine, why: &str) {
    let ran = machine.install(&[]);
    let line = ran.err.lines().find(|line| line.starts_with("rejected: "));
    assert!(line.is_some_and(|line| line.contains(why)), "{why}: {ran:?}");
    assert!(!machine.root().join("run/pkeys/secrets/a").exists());
}

#[test]
fn a_header_with_too_many_recipients_or_bytes_is_refused() {
    let machine = Machine::new();
    machine.spec(json!({}));
    let many = [HEAD, &b"-> X25519 aaaa\nAAAA\n".repeat(40_000), b"--- mac\n"].concat();
    let line = [&[b'A'; 64][..], b"\n"].concat();
    let large = [HEAD, b"-> X25519 aaaa\n", &line.repeat(80_000), b"\n--- mac\n"].concat();
    let arguments = [&b"-> X25519"[..], &b" a".repeat(3 << 20), b"\n\n--- mac\n"].concat();
    let endless = [HEAD, &b"-> X25519 aaaa\nAAAA\n".repeat(40_000)].concat();
    for payload in [many, large, [HEAD, &arguments].concat(), endless] {
        machine.bundle("b", &Bundle { payload: Some(&payload), ..Bundle::of(1, &[("a", b"one")]) });
        refused(&machine, "its header has more than 2048 recipients or 4 MiB");
        let base64 = run("base64", &["--wrap=64"], &payload).good();
        let armored = format!("-----BEGIN AGE ENCRYPTED FILE-----\n{base64}-----END AGE ENCRYPTED FILE-----\n");
        machine.bundle("b", &Bundle { payload: Some(armored.as_bytes()), ..Bundle::of(1, &[("a", b"one")]) });
        refused(&machine, "its header has more than 2048 recipients or 4 MiB");
    }
}

#[test]
fn a_file_for_a_thousand_recipients_is_decrypted() {
    let machine = Machine::new();
    machine.spec(json!({}));
    let work = tempfile::tempdir().unwrap();
    let script = "set -e; mkdir secrets; printf one > secrets/a; tar -cf t secrets; \
        ssh-keygen -q -t rsa -b 4096 -N '' -f rsa; for i in $(seq 1000); do cat rsa.pub; done > recipients; \
        cat \"$0\" >> recipients; age -R recipients -o out t";
    let host = machine.sandbox.path("host.key.pub");
    run_command(Command::new("bash").args(["-c", script]).arg(host).current_dir(work.path()), b"").good();
    let payload = std::fs::read(work.path().join("out")).unwrap();
    assert!(payload.len() > 700_000, "{}", payload.len());
    machine.bundle("b", &Bundle { payload: Some(&payload), ..Bundle::of(1, &[("a", b"one")]) });
    machine.install(&[]).good();
    assert_eq!(machine.read("run/pkeys/secrets/a"), b"one");
}

#[test]
fn a_tar_inside_with_a_huge_name_is_refused_and_long_names_of_every_tar_are_read() {
    let machine = Machine::new();
    machine.spec(json!({}));
    let huge = r#"python3 -c '
import io, sys, tarfile
tar = tarfile.open(sys.argv[1], "w", format=getattr(tarfile, sys.argv[2] + "_FORMAT"))
info = tarfile.TarInfo("secrets/" + "a" * (4 << 20))
tar.addfile(info, io.BytesIO())
tar.close()' $T"#;
    for format in ["GNU", "PAX"] {
        let tar = format!("{huge} {format}");
        machine.bundle("b", &Bundle { tar: Some(&tar), ..Bundle::of(1, &[("a", b"one")]) });
        refused(&machine, "is an extension that is too large");
    }
    // A header that would change what the next entry's bytes are.
    let sized = r#"python3 -c '
import io, sys, tarfile
tar = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
info = tarfile.TarInfo("secrets/a")
info.pax_headers = {"size": "1"}
info.size = 3
tar.addfile(info, io.BytesIO(b"one"))
tar.close()' $T"#;
    machine.bundle("b", &Bundle { tar: Some(sized), ..Bundle::of(1, &[("a", b"one")]) });
    refused(&machine, "is an extension that is not understood");
    let name = "n".repeat(128);
    for (generation, format) in (1..).zip(["gnu", "oldgnu", "pax"]) {
        let tar = format!("tar --format={format} -cf $T secrets");
        let bundle = Bundle::of(generation, &[("a", b"one"), (&name, format.as_bytes())]);
        machine.bundle("b", &Bundle { tar: Some(&tar), ..bundle });
        machine.install(&[]).good();
        assert_eq!(machine.read(&format!("run/pkeys/secrets/{name}")), format.as_bytes());
    }
}

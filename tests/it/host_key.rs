//! A host's SSH key that is made before the host: `host add --generate`, `host extra-files`.

use crate::common::{Sandbox, run, run_command};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A directory in memory, removed when dropped.
struct Memory(PathBuf);

impl Memory {
    fn new() -> Self {
        let name = format!("pkeys-test-{}-{:?}", std::process::id(), std::thread::current().id());
        Self(PathBuf::from("/dev/shm").join(name.replace(['(', ')'], "")))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn manifest(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.repo().join("pkeys.toml")).unwrap()
}

#[test]
fn a_key_made_for_a_new_host_opens_its_bundle_there() {
    let sandbox = Sandbox::new();
    let made = sandbox.pkeys(&["host", "add", "web", "--generate", "--tag", "server"]).good();
    assert!(made.contains("added web"), "{made}");
    sandbox.secret("a", b"needle", &["tag:server"]);
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["check"]).good();
    let memory = Memory::new();
    let said = sandbox.pkeys(&["host", "extra-files", "web", memory.path()]);
    assert!(said.err.contains("nixos-anywhere --extra-files"), "{said:?}");
    said.good();
    let key = memory.0.join("etc/ssh/ssh_host_ed25519_key");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&memory.0), mode(&key), mode(&key.with_extension("pub"))), (0o700, 0o600, 0o644));
    assert_eq!((mode(&memory.0.join("etc")), mode(&memory.0.join("etc/ssh"))), (0o755, 0o755));
    // Its public half is the one in the manifest, says ssh-keygen; it opens the bundle, says age.
    let public = run("ssh-keygen", &["-yf", key.to_str().unwrap()], b"").good();
    let beside = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    assert_eq!(public.trim(), beside.trim());
    assert!(beside.trim().ends_with("root@web"), "{beside}");
    let words: Vec<_> = public.split(' ').take(2).collect();
    assert!(manifest(&sandbox).contains(&words.join(" ")));
    let bundle = sandbox.repo().join("bundles/web/secrets.age");
    let tar = run_command(std::process::Command::new("age").arg("-d").arg("-i").arg(&key).arg(bundle), b"");
    assert_eq!(tar.status, 0);
    assert!(tar.out.contains("needle"));
    // Again: the same files. Other bytes there are not overwritten.
    sandbox.pkeys(&["host", "extra-files", "web", memory.path()]).good();
    std::fs::write(&key, "other").unwrap();
    sandbox.pkeys(&["host", "extra-files", "web", memory.path()]).bad("is there already, and differs", "new directory");
    assert_eq!(std::fs::read(&key).unwrap(), b"other");
    // No plaintext of it in the repository or elsewhere on a disk.
    sandbox.nowhere(b"PRIVATE KEY", &[&sandbox.path("config/signing-key")]);
    let persistent = Memory(memory.0.with_extension("2"));
    let place = "/persist/etc/ssh/key";
    sandbox.pkeys(&["host", "extra-files", "web", persistent.path(), "--key-path", place]).good();
    assert!(persistent.0.join("persist/etc/ssh/key.pub").is_file());
}

#[test]
fn a_private_key_goes_to_a_disk_only_when_asked() {
    let sandbox = Sandbox::new();
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    let disk = sandbox.path("extra");
    // The sandbox may be in memory itself.
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("extra-{}", std::process::id()));
    let ran = sandbox.pkeys(&["host", "extra-files", "web", target.to_str().unwrap()]);
    ran.bad("is on a disk", "/dev/shm/web; or --on-disk");
    assert!(!target.exists());
    sandbox.pkeys(&["host", "extra-files", "web", disk.to_str().unwrap(), "--on-disk"]).good();
    assert!(disk.join("etc/ssh/ssh_host_ed25519_key").is_file());
    for bad in ["relative", "/", "/../x"] {
        sandbox
            .pkeys(&["host", "extra-files", "web", disk.to_str().unwrap(), "--on-disk", "--key-path", bad])
            .bad("not absolute", "such as");
    }
}

#[test]
fn a_host_that_has_a_key_keeps_it() {
    let sandbox = Sandbox::new();
    sandbox.host("db", &[]);
    let before = sandbox.snapshot();
    sandbox.pkeys(&["host", "add", "db", "--generate"]).bad("db has a recipient already", "pkeys host remove db");
    sandbox.pkeys(&["host", "extra-files", "db", "/dev/shm/none"]).bad("does not say where", "--generate");
    sandbox.pkeys(&["host", "extra-files", "none", "/dev/shm/none"]).bad("no host none", "pkeys host add");
    assert_eq!(before, sandbox.snapshot());

    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    let kept = manifest(&sandbox);
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    assert_eq!(kept, manifest(&sandbox));
    // What an unfinished run left is taken: the file is there, the manifest does not name it yet.
    let line =
        kept.lines().find(|line| line.starts_with("recipients = [\"ssh-ed25519") && kept.contains("[hosts.web]"));
    let key = std::fs::read(sandbox.repo().join("secrets/ssh-host-key.web.age")).unwrap();
    sandbox.pkeys(&["host", "remove", "web"]).good();
    assert!(!sandbox.repo().join("secrets/ssh-host-key.web.age").exists(), "it goes with its host");
    std::fs::write(sandbox.repo().join("secrets/ssh-host-key.web.age"), key).unwrap();
    sandbox.accept();
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    assert!(line.is_some_and(|line| manifest(&sandbox).contains(line)));
}

#[test]
fn a_kept_key_that_could_not_open_the_bundle_is_not_handed_out() {
    let sandbox = Sandbox::new();
    sandbox.pkeys(&["host", "add", "web", "--generate"]).good();
    let (_, other) = sandbox.ssh_key("other", "ed25519");
    sandbox.pkeys(&["host", "add", "web", "--recipient", &other]).good();
    let memory = Memory::new();
    sandbox.pkeys(&["host", "extra-files", "web", memory.path()]).bad("is not a recipient of web", "host-key");
    assert!(!memory.0.exists());
    std::fs::remove_file(sandbox.repo().join("secrets/ssh-host-key.web.age")).unwrap();
    let found = sandbox.pkeys(&["check"]);
    assert_eq!(found.status, 1);
    assert!(found.out.contains("host web: there is no") && found.out.contains("restore it from git"), "{found:?}");
}

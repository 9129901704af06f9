//! `pkeys-activate report`: what a host says of itself, and that it changes nothing.

use crate::common::host::{Bundle, Machine};
use crate::common::{Ran, activate_binary, root, run_command};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

fn machine() -> Machine {
    let machine = Machine::new();
    let keys = json!({ "ann": ["ssh-ed25519 AAAA ann laptop"] });
    machine.bundle("b", &Bundle { keys, ..Bundle::of(3, &[("a", b"hunter2"), ("b", b"two")]) });
    machine.spec(json!({ "secrets": { "a": { "path": "/etc/a", "mode": "0440" } } }));
    machine.install(&[]).good();
    machine
}

fn place(machine: &Machine) -> [String; 4] {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    ["--spec".into(), text(&machine.root().join("spec.json")), "--root".into(), text(&machine.root())]
}

fn said(ran: Ran) -> Value {
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

fn report(machine: &Machine) -> Value {
    let mut command = machine.sandbox.command_of(activate_binary());
    said(run_command(command.arg("report").args(place(machine)), b""))
}

/// Every path with its kind, mode, times and bytes.
fn everything(top: &Path) -> String {
    let script = "find . -printf '%p %y %m %T@ %C@ %l\\n' | sort; find . -type f | sort | xargs sha256sum";
    run_command(Command::new("sh").args(["-c", script]).current_dir(top), b"").good()
}

#[test]
fn a_whole_host_says_what_it_has_and_no_byte_is_changed() {
    let machine = machine();
    let before = everything(&machine.root());
    let told = report(&machine);
    assert_eq!(everything(&machine.root()), before);
    let hash = crate::common::run("sha256sum", &[machine.root().join("run/pkeys/secrets/a")], b"").good();
    let hash = hash.split(' ').next().unwrap().trim_start_matches('\\');
    assert!(!told.to_string().contains("hunter2") && !told.to_string().contains(hash), "{told}");
    assert_eq!(told["format"], "pkeys-report/1");
    assert_eq!((&told["host"], &told["error"]), (&json!("web"), &Value::Null));
    let candidate = &told["candidate"];
    assert_eq!(candidate["generation"], 3);
    // The public half whole, so that it can be verified, and named in what is pushed next.
    for (name, file) in [("manifest", "b/manifest.json"), ("signature", "b/manifest.json.sig")] {
        assert_eq!(candidate[name].as_str().unwrap().as_bytes(), machine.read(file), "{name}");
    }
    let digest = crate::common::run("sha256sum", &[machine.root().join("b/manifest.json")], b"").good();
    assert!(digest.starts_with(candidate["sha256"].as_str().unwrap()), "{digest} {candidate}");
    assert_eq!(told["formats"], json!(["pkeys-bundle/1", "pkeys-bundle/2"]));
    assert_eq!(told["installed"], json!({ "secrets": 3, "authorizedKeys": 3 }));
    assert_eq!(told["files"], json!({ "authorized_keys/ann": [], "secrets/a": [], "secrets/b": [] }));
    assert_eq!(told["authorizedKeys"], json!({ "ann": ["ssh-ed25519 AAAA ann laptop"] }));
    assert_eq!((&told["problems"], &told["rejected"], &told["units"]), (&json!([]), &json!([]), &Value::Null));
    let public = machine.sandbox.path("host.key.pub");
    let fingerprint = crate::common::run("ssh-keygen", &["-lf", public.to_str().unwrap()], b"").good();
    assert!(fingerprint.contains(told["identities"][0].as_str().unwrap()), "{fingerprint} {told}");
}

#[test]
fn whatever_is_not_as_wanted_is_named() {
    let machine = machine();
    let generation = machine.root().join("run/pkeys.d/1");
    std::fs::remove_file(generation.join("secrets/b")).unwrap();
    std::fs::write(generation.join("secrets/more"), "x").unwrap();
    std::fs::set_permissions(generation.join("secrets/a"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::remove_file(machine.root().join("etc/a")).unwrap();
    std::fs::remove_file(machine.root().join("etc/host.key")).unwrap();
    let told = report(&machine);
    let wrong = json!(["its mode is 0644, and not 0440", "there is no link at /etc/a"]);
    assert_eq!((&told["files"]["secrets/a"], &told["files"]["secrets/b"]), (&wrong, &json!(["it is not there"])));
    let problems = told["problems"].to_string();
    for part in ["secrets/more is there, and no bundle has it", "there is no identity at "] {
        assert!(problems.contains(part), "{problems}");
    }
    std::os::unix::fs::symlink("/etc/passwd", machine.root().join("etc/a")).unwrap();
    assert!(report(&machine)["files"]["secrets/a"].to_string().contains("the link /etc/a leads elsewhere"));
    std::fs::remove_file(machine.root().join("run/pkeys")).unwrap();
    let told = report(&machine);
    assert_eq!(told["installed"], Value::Null);
    assert!(told["problems"].to_string().contains("nothing is installed at /run/pkeys"), "{told}");
    std::fs::write(machine.root().join("spec.json"), "{").unwrap();
    assert!(report(&machine)["error"].as_str().unwrap().contains("the spec cannot be read"));
}

#[test]
fn secrets_of_before_and_keys_of_now_are_two_generations() {
    let machine = machine();
    machine.bundle("b", &Bundle { recipient: "stranger", ..Bundle::of(4, &[("a", b"one"), ("b", b"two")]) });
    assert_eq!(machine.install(&[]).status, 3);
    let told = report(&machine);
    assert_eq!(told["installed"], json!({ "secrets": 3, "authorizedKeys": 4 }));
    assert_eq!(told["candidate"]["generation"], 4);
    // Made by a version that wrote nothing down.
    std::fs::remove_file(machine.root().join("run/pkeys/generation")).unwrap();
    assert_eq!(report(&machine)["installed"], json!({ "secrets": null, "authorizedKeys": null }));
}

#[test]
fn a_host_without_a_trusted_bundle_says_which_signer_it_saw() {
    let machine = Machine::new();
    machine.bundle("b", &Bundle { signer: "stranger", ..Bundle::of(3, &[("a", b"one")]) });
    machine.spec(json!({}));
    let fingerprint = |name: &str| {
        let public = machine.sandbox.path(&format!("{name}.key.pub"));
        let said = crate::common::run("ssh-keygen", &["-lf", public.to_str().unwrap()], b"").good();
        said.split(' ').nth(1).unwrap().to_owned()
    };
    let why = format!(
        "it is signed by {}, which is not a trusted signer (trusted: {})",
        fingerprint("stranger"),
        fingerprint("signer")
    );
    let told = report(&machine);
    assert!(told["rejected"].to_string().contains(&why), "{told}");
    assert_eq!(told["candidate"], Value::Null);
    let ran = machine.install(&[]);
    assert!(ran.status == 1 && ran.err.contains(&why), "{ran:?}");
    // What only claims to be theirs is told apart.
    let manifest = machine.root().join("b/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("by hand", "by me");
    std::fs::write(manifest, text).unwrap();
    assert!(report(&machine)["rejected"].to_string().contains("it names as its signer SHA256:"));
}

/// What a forced command lets a login do.
fn login(machine: &Machine, forced: &[&str], asked: &str, input: &[u8]) -> Ran {
    let mut command = machine.sandbox.command_of(activate_binary());
    run_command(command.args(forced).env("SSH_ORIGINAL_COMMAND", asked), input)
}

#[test]
fn a_login_that_may_push_may_ask_for_a_report_and_for_nothing_else() {
    let machine = machine();
    let place = place(&machine);
    let forced: Vec<&str> = ["receive"].into_iter().chain(place.iter().map(String::as_str)).collect();
    assert_eq!(said(login(&machine, &forced, "pkeys-activate report", b""))["candidate"]["generation"], 3);
    for bad in ["cat /etc/shadow", "pkeys-activate report; cat /etc/shadow", "pkeys-activate report --root /"] {
        let ran = login(&machine, &forced, bad, b"");
        assert_eq!(ran.status, 1, "{ran:?}");
        let answer = said(ran);
        assert_eq!(answer["error"], "this login can push a bundle or ask for a report, and nothing else");
    }
}

#[test]
fn the_login_reaches_it_through_a_socket_of_its_own() {
    let machine = machine();
    let sockets = ["receive", "report"].map(|name| machine.sandbox.path(name));
    let listeners = sockets.each_ref().map(|path| UnixListener::bind(path).unwrap());
    let [receive, reports] = sockets.each_ref().map(|path| path.to_str().unwrap());
    let forced = ["forward", "--socket", receive, "--report-socket", reports];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // As the socket unit of systemd with Accept=yes does.
            let (stream, _) = listeners[1].accept().unwrap();
            let fd = |stream| Stdio::from(std::os::fd::OwnedFd::from(stream));
            let mut command = machine.sandbox.command_of(activate_binary());
            command.arg("report").args(place(&machine));
            command.stdin(fd(stream.try_clone().unwrap())).stdout(fd(stream)).status().unwrap();
        });
        let told = said(login(&machine, &forced, "pkeys-activate report", b"not read"));
        assert_eq!(told["installed"]["secrets"], 3);
    });
    login(&machine, &forced, "cat /etc/shadow", b"").bad("this login can push a bundle", "pkeys host check");
    listeners[0].set_nonblocking(true).unwrap();
    assert!(listeners[0].accept().is_err(), "nothing else reached a socket");
}

#[test]
fn on_a_live_machine_systemd_is_asked_for_the_units() {
    if !root("a live machine") {
        return;
    }
    let machine = Machine::new();
    let script = machine.sandbox.script(
        "systemctl",
        "echo \"$@\" >&2; printf 'Id=app.service\\nLoadState=loaded\\nActiveState=failed\\n\\nId=pkeys-activate.service\\nActiveState=active\\n'",
    );
    machine.bundle("b", &Bundle::of(3, &[("a", b"one")]));
    let under = |path: &str| machine.root().join(path).to_str().unwrap().to_owned();
    machine.spec(json!({
        "bundles": [under("b")], "identities": [under("etc/host.key")], "stateDirectory": under("state"),
        "secrets": { "a": { "restartUnits": ["app.service"] } },
    }));
    let spec = machine.root().join("spec.json");
    let lines = "set -e; mount -t tmpfs none /run; $A install --spec $S >/dev/null; $A report --spec $S; \
        PATH=$P:$PATH; $A report --spec $S";
    let activate = activate_binary();
    let lines = format!("A={activate}; S={}; P={}; {lines}", spec.display(), script.parent().unwrap().display());
    // Without systemctl first: that is no error.
    let mut command = machine.sandbox.command_of("unshare");
    let out = run_command(command.args(["--mount", "--propagation", "private", "sh", "-c", &lines]), b"").good();
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told[1]["units"], json!({ "app.service": "failed", "pkeys-activate.service": "active" }), "{out}");
    assert_eq!((&told[0]["error"], &told[1]["problems"]), (&Value::Null, &json!([])));
}

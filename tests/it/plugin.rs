//! age plugins: recipients of hosts and operators, and identities on both sides.

use crate::common::{Sandbox, activate_binary, run, run_command};
use serde_json::json;

/// PATH with the test's plugin, and without.
fn path_with_plugin() -> String {
    let rest = std::env::var("PATH").unwrap();
    format!("{}/tests/plugin:{rest}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_plugins_keys_work_for_operators_and_hosts_and_with_age_itself() {
    let sandbox = Sandbox::empty();
    let path = path_with_plugin();
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugin/age-plugin-shuffle");
    let keys = run(plugin, &["keys"], b"").good();
    let (recipient, identity) = keys.trim().split_once('\n').unwrap();
    let identity_file = sandbox.path("plugin-identity");
    std::fs::write(&identity_file, format!("# a plugin's\n{identity}\n")).unwrap();
    let identity_file = identity_file.to_str().unwrap();
    let pkeys = |arguments: &[&str], input: &[u8]| {
        run_command(sandbox.command().env("PATH", &path).env("PKEYS_IDENTITY", identity_file).args(arguments), input)
    };

    // `init` cannot know a plugin's public half, and says so.
    run_command(sandbox.command().args(["init", "--no-passphrase", "--name", "ann"]), b"").good();
    let manifest = sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    sandbox.manifest(text.replace("ann = [\"age1", &format!("plug = [\"{recipient}\"]\nann = [\"age1")));

    pkeys(&["host", "add", "web", "--recipient", recipient], b"").good();
    std::fs::write(sandbox.path("config/config.toml"), "plugins = [\"shuffle\"]\n").unwrap();
    pkeys(&["secret", "set", "a", "--host", "web"], b"through a plugin").good();
    assert_eq!(pkeys(&["secret", "show", "a"], b"").good(), "through a plugin");
    pkeys(&["render"], b"").good();
    pkeys(&["verify"], b"").good();

    let bundle = sandbox.repo().join("bundles/web");
    let open = format!("age -d -i {identity_file} {}/secrets.age | tar -xO secrets/a", bundle.display());
    let opened = run_command(sandbox.command_of("sh").env("PATH", &path).args(["-c", &open]), b"").good();
    assert_eq!(opened, "through a plugin");

    let signer = std::fs::read_to_string(sandbox.path("config/signing-key.pub")).unwrap();
    let spec = json!({ "version": 1, "host": "web", "bundles": ["/bundle"], "identities": ["/identity"], "trustedSigners": [signer.trim()] });
    let root = sandbox.path("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("spec.json"), spec.to_string()).unwrap();
    std::fs::copy(identity_file, root.join("identity")).unwrap();
    run("cp", &["-r", bundle.to_str().unwrap(), root.join("bundle").to_str().unwrap()], b"").good();
    let install = |path: &str| {
        let mut command = sandbox.command_of(activate_binary());
        command.arg("install").arg("--spec").arg(root.join("spec.json")).arg("--root").arg(&root);
        run_command(command.env("PATH", path), b"")
    };
    let without = install("/usr/bin:/bin");
    assert!(without.status == 3 && without.err.contains("age-plugin-shuffle is not installed"), "{without:?}");
    install(&path).good();
    assert_eq!(std::fs::read(root.join("run/pkeys/secrets/a")).unwrap(), b"through a plugin");

    // A plugin that is up to no good: what the host's program runs is confined with it.
    let mark = sandbox.path("mark");
    let evil = sandbox.path("evil");
    std::fs::create_dir(&evil).unwrap();
    sandbox.script("evil/age-plugin-shuffle", &format!("touch '{}'\nexec '{plugin}' \"$@\"", mark.display()));
    let path = format!("{}:{path}", evil.display());
    let confined = install(&path);
    assert_eq!(confined.status, 0, "{confined:?}");
    if confined.err.contains("this kernel has no Landlock") {
        eprintln!("skipped: what a plugin cannot do (this kernel has no Landlock)");
    } else {
        assert!(!mark.exists(), "a plugin wrote where no secret goes");
    }
    let show = ["secret", "show", "a"];
    run_command(sandbox.command().env("PATH", &path).env("PKEYS_IDENTITY", identity_file).args(show), b"").good();
    assert!(mark.exists(), "it writes where nothing keeps it from that");

    let missing = run_command(sandbox.command().args(["secret", "set", "b"]), b"x");
    missing.bad("the age plugin age-plugin-shuffle is not installed", "PATH");
}

#[test]
fn a_plugin_that_the_repository_names_is_run_only_if_the_operator_allows_it() {
    let sandbox = Sandbox::new();
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugin/age-plugin-shuffle");
    let keys = run(plugin, &["keys"], b"").good();
    let (recipient, identity) = keys.trim().split_once('\n').unwrap();
    let mark = sandbox.path("mark");
    let spy = sandbox.script("age-plugin-shuffle", &format!("touch '{}'\nexec '{plugin}' \"$@\"", mark.display()));
    let path = format!("{}:{}", spy.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let pkeys = |arguments: &[&str]| run_command(sandbox.command().env("PATH", &path).args(arguments), b"1");
    sandbox.host("db", &[]);
    sandbox.secret("a", b"1", &["*"]);
    pkeys(&["host", "add", "web", "--recipient", recipient]).good();
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let operator = text.replace("ann = [\"age1", &format!("plug = [\"{recipient}\"]\nann = [\"age1"));

    // As a recipient of a host, of local secrets, and as an identity; the other host is rendered.
    let config = sandbox.path("config/config.toml");
    let hint = format!("add it to `plugins` in {}: plugins = [\"shuffle\"]", config.display());
    pkeys(&["render"]).bad("the age plugin age-plugin-shuffle is not allowed on this machine", &hint);
    assert!(sandbox.repo().join("bundles/db/secrets.age").exists() && !sandbox.repo().join("bundles/web").exists());
    std::fs::write(sandbox.repo().join("pkeys.toml"), &operator).unwrap();
    pkeys(&["trust", "accept", "--all"]).good();
    pkeys(&["secret", "set", "b"]).bad("is not allowed on this machine", &hint);
    pkeys(&["secret", "rekey"]).bad("is not allowed on this machine", &hint);
    std::fs::write(sandbox.repo().join("pkeys.toml"), &text).unwrap();
    let file = sandbox.path("plugin-identity");
    std::fs::write(&file, format!("{identity}\n")).unwrap();
    let show = run_command(
        sandbox.command().env("PATH", &path).env("PKEYS_IDENTITY", &file).args(["secret", "show", "a"]),
        b"",
    );
    show.bad("is not allowed on this machine", &hint);
    assert!(!mark.exists() && !config.exists());

    // Asked once at a terminal. A no holds for this run; a yes is remembered, beside what is there.
    let line = format!("PATH='{path}' {} render web", crate::common::pkeys_binary());
    let ran = sandbox.typing(&line, &["n"]);
    assert!(ran.out.contains(&format!("needs the program age-plugin-shuffle ({})", spy.display())), "{ran:?}");
    assert!(ran.status == 1 && ran.out.matches("[y/N]").count() == 1 && !mark.exists() && !config.exists(), "{ran:?}");
    std::fs::write(&config, "# mine\nplugins = [\"other\"] # two\n").unwrap();
    let ran = sandbox.typing(&line, &["y"]);
    assert!(ran.status == 0 && mark.exists(), "{ran:?}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "# mine\nplugins = [\"other\", \"shuffle\"] # two\n");
    pkeys(&["render", "--force"]).good();
    sandbox.pkeys(&["verify"]).good();
}

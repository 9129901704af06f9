//! What programs that pkeys runs find in their environment: no token of 1Password.

use crate::common::{Sandbox, run, run_command};
use std::process::Command;

const TOKEN: &str = "ops_not-a-real-token-hunter2";

/// A sandbox in which every program that is run notes its name and its environment, and that of pkeys.
struct Recorded {
    sandbox: Sandbox,
}

impl Recorded {
    fn new() -> Self {
        Self { sandbox: Sandbox::new() }
    }

    /// A script that records, then does this.
    fn script(&self, name: &str, text: &str) -> String {
        let (ran, seen) = (self.sandbox.path("ran"), self.sandbox.path("seen"));
        let parent = "tr '\\0' '\\n' < /proc/$PPID/environ";
        let line = format!(
            "echo {name} >> '{}'\n{{ env; {parent}; }} >> '{}' 2>/dev/null\n{text}",
            ran.display(),
            seen.display()
        );
        self.sandbox.script(name, &line).display().to_string()
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.command();
        let paths = format!("{}:{}", self.sandbox.top.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", paths).env("MINE", "passed on");
        for name in ["OP_CONNECT_TOKEN", "OP_SERVICE_ACCOUNT_TOKEN", "OP_SESSION_ann"] {
            command.env(name, TOKEN);
        }
        command.env("OP_CONNECT_HOST", "http://127.0.0.1:9");
        command
    }

    /// Demands that these programs ran since the last time, and that none had a token.
    #[track_caller]
    fn only_clean(&self, names: &[&str]) {
        let ran = std::fs::read_to_string(self.sandbox.path("ran")).unwrap_or_default();
        assert!(names.iter().all(|name| ran.lines().any(|line| line == *name)), "not all of {names:?} ran: {ran}");
        let seen = std::fs::read_to_string(self.sandbox.path("seen")).unwrap();
        let bad: Vec<_> = seen.lines().filter(|line| line.contains("OP_") || line.contains(TOKEN)).collect();
        assert!(bad.is_empty(), "{names:?}: {bad:?}");
        std::fs::remove_file(self.sandbox.path("ran")).unwrap();
    }
}

#[test]
fn the_editor_gets_no_token_and_the_rest_of_the_environment() {
    let recorded = Recorded::new();
    let editor = recorded.script("editor", "printf new > \"$1\"");
    run_command(recorded.command().env("EDITOR", editor).args(["secret", "edit", "a"]), b"").good();
    recorded.only_clean(&["editor"]);
    let seen = std::fs::read_to_string(recorded.sandbox.path("seen")).unwrap();
    assert_eq!(seen.matches("MINE=passed on").count(), 2, "{seen}");
    assert_eq!(recorded.sandbox.pkeys(&["secret", "show", "a"]).good(), "new");
}

#[test]
fn hooks_of_git_and_the_proxy_command_of_ssh_get_no_token() {
    let recorded = Recorded::new();
    let sandbox = &recorded.sandbox;
    sandbox.host("web", &["--address", "root@web"]);
    sandbox.secret("db", b"1", &["web"]);
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let text = text.replace("from = \"age:db\"", "from = \"age:db\"\ngenerate = { length = 20 }");
    sandbox.manifest(text);
    let git = |arguments: &[&str]| run_command(sandbox.command_of("git").args(arguments), b"").good();
    git(&["init", "--quiet"]);
    git(&["config", "user.email", "ann@example.org"]);
    git(&["config", "user.name", "ann"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "before"]);
    let hook = recorded.script("hook", "");
    run("cp", &[&*hook, sandbox.repo().join(".git/hooks/pre-commit").to_str().unwrap()], b"").good();
    let proxy = recorded.script("proxy", "exit 1");
    std::fs::write(sandbox.path("ssh_config"), format!("Host *\nProxyCommand {proxy}\n")).unwrap();
    let mut command = recorded.command();
    command.env("PKEYS_SSH_CONFIG", sandbox.path("ssh_config"));
    let ran = run_command(command.args(["rotate", "--secret", "db", "--yes", "--commit"]), b"");
    assert!(ran.out.contains("rotated db"), "{ran:?}");
    assert!(git(&["log", "--format=%s"]).lines().count() > 1);
    recorded.only_clean(&["proxy", "hook"]);
}

#[test]
fn plugins_of_age_get_no_token() {
    let recorded = Recorded::new();
    let sandbox = &recorded.sandbox;
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugin/age-plugin-shuffle");
    recorded.script("age-plugin-shuffle", &format!("exec '{plugin}' \"$@\""));
    let keys = run(plugin, &["keys"], b"").good();
    let (recipient, identity) = keys.trim().split_once('\n').unwrap();
    std::fs::write(sandbox.path("config/config.toml"), "plugins = [\"shuffle\"]\n").unwrap();
    run_command(recorded.command().args(["host", "add", "web", "--recipient", recipient]), b"").good();
    run_command(recorded.command().args(["secret", "set", "a", "--host", "web"]), b"1").good();
    run_command(recorded.command().args(["render"]), b"").good();
    recorded.only_clean(&["age-plugin-shuffle"]);
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let text = text.replace("ann = [\"age1", &format!("plug = [\"{recipient}\"]\nann = [\"age1"));
    sandbox.manifest(text);
    run_command(recorded.command().args(["secret", "rekey"]), b"").good();
    std::fs::write(sandbox.path("plugin-identity"), format!("{identity}\n")).unwrap();
    let mut command = recorded.command();
    command.env("PKEYS_IDENTITY", sandbox.path("plugin-identity")).args(["secret", "show", "a"]);
    assert_eq!(run_command(&mut command, b"").good(), "1");
    recorded.only_clean(&["age-plugin-shuffle"]);
}

#[test]
fn sops_gets_what_it_needs_and_nothing_else() {
    let recorded = Recorded::new();
    let sandbox = &recorded.sandbox;
    sandbox.host("web", &[]);
    std::fs::write(sandbox.repo().join("secrets.yaml"), "x").unwrap();
    let module = "{ sops.defaultSopsFile = ./secrets.yaml; networking.hostName = \"web\"; sops.secrets.db = { }; }\n";
    std::fs::write(sandbox.repo().join("web.nix"), module).unwrap();
    recorded.script("sops", "echo '{\"db\": \"hunter2\"}'");
    let mut command = recorded.command();
    for name in ["SOPS_AGE_KEY_FILE", "AWS_PROFILE", "VAULT_TOKEN", "SSH_AUTH_SOCK", "GNUPGHOME", "GITHUB_TOKEN"] {
        command.env(name, format!("value-of-{name}"));
    }
    run_command(command.args(["import", "sops-nix", "--yes"]), b"").good();
    let seen = std::fs::read_to_string(sandbox.path("seen")).unwrap();
    let own: Vec<_> = seen.lines().take_while(|line| !line.starts_with("PKEYS_CONFIG_DIR=")).collect();
    for name in ["SOPS_AGE_KEY_FILE", "AWS_PROFILE", "VAULT_TOKEN", "SSH_AUTH_SOCK", "GNUPGHOME"] {
        assert!(seen.contains(&format!("{name}=value-of-{name}")), "{name}: {seen}");
    }
    // The parent's environment has it, its own has not.
    assert_eq!(seen.matches("GITHUB_TOKEN=").count(), 1, "{own:?}");
    assert_eq!(seen.matches("MINE=").count(), 1, "{own:?}");
    recorded.only_clean(&["sops"]);
}

#[test]
fn arguments_and_standard_input_are_the_same_with_a_token_in_the_environment() {
    let recorded = Recorded::new();
    let name = "a-name";
    run_command(recorded.command().args(["secret", "set", name]), b"\x00\xffvalue").good();
    let mut command = recorded.command();
    let ran = command.args(["secret", "show", name]).output().unwrap();
    assert_eq!((ran.status.code(), &ran.stdout[..]), (Some(0), &b"\x00\xffvalue"[..]));
    let ran = run_command(recorded.command().args(["secrt"]), b"");
    assert!(ran.status == 2 && ran.err.contains("secret") && !ran.err.contains("environment"), "{ran:?}");
    // More than a pipe holds: refused, and not passed on.
    let editor = recorded.script("editor", "");
    let mut command = recorded.command();
    command.env("OP_LONG", "x".repeat(100_000)).env("EDITOR", editor).args(["secret", "edit", name]);
    run_command(&mut command, b"").bad("cannot take the OP_* variables out of the environment", "pkeys login");
    assert!(!recorded.sandbox.path("ran").exists());
}

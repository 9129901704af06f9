//! Policies: what ships, what a repository adds, and that nothing is done against them.

use crate::common::Sandbox;
use cedar_policy::PolicySet;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(name)
}

fn put(sandbox: &Sandbox, name: &str, text: &str) {
    let path = sandbox.repo().join("policies").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn edit(sandbox: &Sandbox, from: &str, to: &str) {
    let path = sandbox.repo().join("pkeys.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    sandbox.manifest(text.replacen(from, to, 1));
}

fn strict(sandbox: &Sandbox) {
    edit(sandbox, "version = 1\n", "policy = \"strict\"\nversion = 1\n");
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let ran = sandbox.pkeys(&[&["--json"], arguments].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

const NO_DB_ON_WEB: &str = "// mine\n@id(\"no-db-on-web\")\n@reason(\"the web server is open to the world\")\n\
    @fix(\"take web out of its hosts\")\n\
    forbid (principal == Host::\"web\", action == Action::\"deliver\", resource == Secret::\"db\");\n";

/// `web` and `app`, both with the secret `db`, rendered.
fn two_hosts() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.host("web", &["--address", "root@web.invalid"]);
    sandbox.host("app", &["--address", "root@app.invalid"]);
    sandbox.secret("db", b"hunter2", &["web", "app"]);
    sandbox
}

#[test]
fn each_shipped_rule_is_tested_where_it_applies_and_where_it_does_not() {
    let sandbox = Sandbox::new();
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    for name in ["tests/baseline.toml", "tests/strict.toml"] {
        let text = std::fs::read_to_string(ours(name)).unwrap();
        put(&sandbox, name, &text);
        let table: toml::Value = toml::from_str(&text).unwrap();
        for case in table["case"].as_array().unwrap() {
            for (at, key) in ["rule", "passes"].into_iter().enumerate() {
                seen[at].extend(case.get(key).map(|id| id.as_str().unwrap().to_owned()));
            }
        }
    }
    let results = json(&sandbox, &["policy", "test"]);
    let results = results.as_array().unwrap();
    let bad: Vec<_> = results.iter().filter(|case| case["good"] != true).collect();
    assert!(bad.is_empty() && results.len() > 40, "{bad:#?}");
    for file in ["baseline.cedar", "baseline.warn.cedar", "strict.cedar"] {
        let set = PolicySet::from_str(&std::fs::read_to_string(ours(file)).unwrap()).unwrap();
        for policy in set.policies() {
            let id = policy.annotation("id").unwrap();
            assert!(seen.iter().all(|seen| seen.contains(id)), "{id} has no test for both decisions");
            assert!(policy.annotation("reason").is_some(), "{id}");
        }
    }
}

#[test]
fn without_a_rule_its_case_is_decided_the_other_way() {
    // What each shipped rule that forbids stops is stopped by it alone, but where two rules are about one key on purpose.
    let both = ["no-dsa", "no-dsa-in-use"];
    let sandbox = Sandbox::new();
    let rules = std::fs::read_to_string(ours("strict.cedar")).unwrap();
    for rule in rules.split("\n\n").filter(|rule| rule.contains("@id(")) {
        let id = rule.split('"').nth(1).unwrap();
        assert!(!both.contains(&id));
        // The same rule in one's own repository, under the baseline, denies the same.
        let own = rule.replace(id, &format!("own-{id}"));
        put(&sandbox, "own.cedar", &own);
        let cases = std::fs::read_to_string(ours("tests/strict.toml")).unwrap();
        let mine = |case: &&str| case.contains(&format!("rule = \"{id}\""));
        let cases: String = cases.split("\n\n").filter(mine).map(|case| format!("{case}\n\n")).collect();
        let case = cases.replace("\"strict\"", "\"baseline\"");
        put(&sandbox, "tests/t.toml", &case.replace(id, &format!("own-{id}")));
        sandbox.pkeys(&["policy", "test"]).good();
        std::fs::remove_file(sandbox.repo().join("policies/own.cedar")).unwrap();
        let ran = sandbox.pkeys(&["policy", "test"]);
        assert_eq!(ran.status, 1, "{id} {ran:?}");
        assert!(ran.out.contains("expected deny, came "), "{ran:?}");
    }
}

#[test]
fn a_typo_is_an_error_with_its_place_and_stops_every_command_that_asks() {
    let sandbox = two_hosts();
    put(&sandbox, "mine.cedar", &NO_DB_ON_WEB.replace(");\n", ")\nwhen { principal.tagz.contains(\"x\") };\n"));
    let ran = sandbox.pkeys(&["policy", "check"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.out.starts_with("policies/mine.cedar:6:"), "{ran:?}");
    assert!(ran.out.contains("tagz") && ran.out.contains("tags"), "{ran:?}");
    let problems = json(&sandbox, &["policy", "check"]);
    let first = &problems["problems"][0];
    assert_eq!((first["file"].as_str(), first["line"].as_u64()), (Some("policies/mine.cedar"), Some(6)));
    assert!(first["column"].as_u64().is_some_and(|column| column > 1), "{first}");
    let before = sandbox.snapshot();
    let (_, public) = sandbox.ssh_key("k", "ed25519");
    for text in [
        NO_DB_ON_WEB.replace(");\n", ")\nwhen { principal.tagz.contains(\"x\") };\n"),
        "forbid (principal, action, resource".into(),
        "forbid (principal, action, resource);".into(),
        NO_DB_ON_WEB.replace("@reason", "@because"),
        NO_DB_ON_WEB.replace("no-db-on-web", "no-dsa"),
        NO_DB_ON_WEB.replace("Secret::", "Secrets::"),
        NO_DB_ON_WEB.replace("\"deliver\"", "\"delivr\""),
        NO_DB_ON_WEB.replace("principal == Host::\"web\"", "principal == ?principal"),
    ] {
        put(&sandbox, "mine.cedar", &text);
        for arguments in [
            &["render"][..],
            &["render", "--dry-run"],
            &["push"],
            &["check"],
            &["status"],
            &["rotate", "--host", "web", "--yes"],
            &["key", "add", "ann", "laptop", "--public", &public],
            &["key", "add", "ann", "laptop", "--generate"],
            &["policy", "test"],
            &["policy", "matrix"],
            &["policy", "explain", "web", "db"],
        ] {
            let ran = sandbox.pkeys(arguments);
            assert_eq!(ran.status, 1, "{arguments:?} {text} {ran:?}");
            assert!(ran.err.contains("policies/mine.cedar"), "{arguments:?} {ran:?}");
        }
    }
    std::fs::remove_dir_all(sandbox.repo().join("policies")).unwrap();
    let after = sandbox.snapshot();
    let before: Vec<_> = before.into_iter().filter(|(path, _)| !path.ends_with("mine.cedar")).collect();
    assert_eq!(before, after);
}

#[test]
fn a_denied_host_is_not_rendered_and_the_others_are() {
    let sandbox = two_hosts();
    put(&sandbox, "mine.cedar", NO_DB_ON_WEB);
    let err = sandbox.pkeys(&["render"]).bad(
        "web: host web may not get the secret db: the web server is open to the world (rule no-db-on-web, policies/mine.cedar:2)",
        "take web out of its hosts",
    );
    assert!(!err.contains("error: app"), "{err}");
    assert!(!sandbox.repo().join("bundles/web").exists());
    assert!(sandbox.repo().join("bundles/app/secrets.age").exists());
    assert!(sandbox.pkeys(&["render", "--dry-run"]).err.contains("no-db-on-web"));
    let found = sandbox.pkeys(&["check"]);
    assert!(found.status == 1 && found.out.contains("policies/mine.cedar:2: error: host web may not"), "{found:?}");
    // What was rendered before the rule came is not pushed.
    std::fs::remove_file(sandbox.repo().join("policies/mine.cedar")).unwrap();
    sandbox.pkeys(&["render"]).good();
    put(&sandbox, "mine.cedar", NO_DB_ON_WEB);
    let before = sandbox.snapshot();
    sandbox.pkeys(&["push", "web"]).bad("host web may not get the secret db", "take web out");
    sandbox.pkeys(&["render", "--force", "web"]).bad("no-db-on-web", "take web out");
    sandbox.pkeys(&["rotate", "--host", "web", "--yes"]).bad("no-db-on-web", "take web out");
    edit(&sandbox, "from = \"age:db\"\n", "from = \"age:db\"\ngenerate = { length = 20 }\n");
    let before: Vec<_> = before.into_iter().filter(|(path, _)| !path.ends_with("pkeys.toml")).collect();
    sandbox.pkeys(&["rotate", "--secret", "db", "--yes"]).bad("no-db-on-web", "take web out");
    let after: Vec<_> = sandbox.snapshot().into_iter().filter(|(path, _)| !path.ends_with("pkeys.toml")).collect();
    assert_eq!(before, after);
}

#[test]
fn who_renders_and_pushes_is_the_signer() {
    let sandbox = two_hosts();
    let rule = "@id(\"not-ann\") @reason(\"ann is on holiday\") @fix(\"ask bob\")\n\
        forbid (principal == Operator::\"ann\", action == Action::\"push\", resource == Host::\"web\");\n";
    put(&sandbox, "mine.cedar", rule);
    sandbox.pkeys(&["render"]).good();
    sandbox
        .pkeys(&["push", "web"])
        .bad("the bundle of web, signed by ann, may not be pushed: ann is on holiday", "ask bob");
    put(&sandbox, "mine.cedar", &rule.replace("push", "render"));
    sandbox.pkeys(&["render", "--force"]).bad("ann may not render web", "ask bob");
    put(&sandbox, "mine.cedar", &rule.replace("\"ann\"", "\"bob\""));
    sandbox.pkeys(&["render", "--force"]).good();
}

#[test]
fn unhealthy_keys_are_not_taken_in_and_nothing_is_written() {
    let sandbox = two_hosts();
    edit(&sandbox, "# Where secret values come from.\n", "[users.eve]\nhosts = [\"web\"]\n");
    let (_, public) = sandbox.ssh_key("eve", "ed25519");
    let fingerprint =
        crate::common::run("ssh-keygen", &["-lf", sandbox.path("eve.key.pub").to_str().unwrap()], b"").good();
    let fingerprint = fingerprint.split(' ').nth(1).unwrap().to_owned();
    put(&sandbox, "leaked-keys.txt", &format!("# found by hand\n{fingerprint} id_ed25519 in commit 1a2b3c\n"));
    let before = sandbox.snapshot();
    sandbox
        .pkeys(&["key", "add", "eve", "laptop", "--public", &public])
        .bad("eve may not use the key eve laptop: its private half was found in git", "use a new key");
    put(
        &sandbox,
        "mine.cedar",
        "@id(\"none\") @reason(\"r\") @fix(\"f\")\nforbid (principal, action == Action::\"authorize\", resource == Host::\"web\");",
    );
    sandbox.pkeys(&["key", "add", "eve", "desk", "--generate"]).bad("may not log in on web: r (rule none,", "f");
    std::fs::remove_file(sandbox.repo().join("policies/mine.cedar")).unwrap();
    assert_eq!(before, sandbox.snapshot());
    // A key that was there before the list named it is not rendered any more.
    std::fs::remove_file(sandbox.repo().join("policies/leaked-keys.txt")).unwrap();
    sandbox.pkeys(&["key", "add", "eve", "laptop", "--public", &public]).good();
    sandbox.pkeys(&["render"]).good();
    put(&sandbox, "leaked-keys.txt", &format!("{fingerprint}\n"));
    sandbox.pkeys(&["render"]).bad("the key eve laptop may not log in on web", "--emergency");
    put(&sandbox, "leaked-keys.txt", "hunter2\n");
    let err = sandbox.pkeys(&["render"]).bad("policies/leaked-keys.txt:1: that is not a fingerprint", "ssh-keygen -l");
    assert!(!err.contains("hunter2"));
}

#[test]
fn warnings_are_said_once_and_stop_nothing() {
    let sandbox = two_hosts();
    let ran = sandbox.pkeys(&["render"]);
    assert!(ran.err.contains("warning: app, web: its bundle has no break-glass recipient"), "{ran:?}");
    assert!(ran.err.contains("(rule break-glass-recipient, built-in baseline.warn.cedar:3)"), "{ran:?}");
    ran.good();
    put(&sandbox, "mine.warn.cedar", NO_DB_ON_WEB);
    let ran = sandbox.pkeys(&["render", "--force"]);
    assert!(ran.err.contains("warning: secret db on web: the web server is open"), "{ran:?}");
    ran.good();
    let found = sandbox.pkeys(&["check"]);
    assert!(found.out.contains("policies/mine.warn.cedar:2: warning: secret db on web"), "{found:?}");
    // What the rule that ships warns of, `check` says with its line in pkeys.toml.
    assert!(
        found.out.contains("pkeys.toml:19: warning: no break-glass") && !found.out.contains("break-glass-recipient")
    );
    found.good();
    let lines = json(&sandbox, &["render", "--force"]);
    assert!(lines[1]["warnings"].to_string().contains("no-db-on-web"), "{lines}");
    let permit = "@id(\"p\") @reason(\"r\") @fix(\"f\") permit (principal, action, resource);";
    put(&sandbox, "other.warn.cedar", permit);
    sandbox.pkeys(&["render"]).bad("p permits, in a file of warnings", "forbid");
}

#[test]
fn strict_denies_what_the_baseline_lets_pass() {
    let sandbox = two_hosts();
    strict(&sandbox);
    sandbox
        .pkeys(&["render"])
        .bad("may not render web: its bundle would have no break-glass recipient", "pkeys break-glass init");
    let key = crate::common::run("age-keygen", &[] as &[&str], b"").good();
    let public = key.lines().find_map(|line| line.split("public key: ").nth(1)).unwrap();
    edit(&sandbox, "recipients = []", &format!("recipients = [\"{public}\"]"));
    sandbox
        .pkeys(&["render"])
        .bad("host web may not get the secret db: nobody answers for this secret", "owner = \"ann\"");
    edit(&sandbox, "from = \"age:db\"\n", "from = \"age:db\"\nowner = \"ann\"\ntags = [\"prod\"]\n");
    sandbox.pkeys(&["render"]).bad(
        "a secret tagged prod goes only to hosts tagged prod (rule prod-secrets-to-prod-hosts, built-in strict.cedar:",
        "tag the host prod",
    );
    for host in ["web", "app"] {
        sandbox.pkeys(&["host", "add", host, "--tag", "prod"]).good();
    }
    sandbox.pkeys(&["render"]).good();
    sandbox.pkeys(&["push", "web"]).bad("no break-glass drill of the last 90 days", "pkeys break-glass drill");
    let (_, laptop) = sandbox.ssh_key("ann", "ed25519");
    edit(
        &sandbox,
        "# Where secret values come from.\n",
        "[users.ann]\nhosts = [\"web\"]\n[users.eve]\nhosts = [\"*\"]\n",
    );
    edit(&sandbox, "policy = \"strict\"\n", "");
    edit(&sandbox, "version = 1\n", "version = 1\npolicy = \"strict\"\n");
    sandbox
        .pkeys(&["key", "add", "ann", "laptop", "--public", &laptop])
        .bad("an operator logs in with a key that nobody can copy", "ed25519-sk");
    sandbox
        .pkeys(&["key", "add", "eve", "laptop", "--public", &laptop])
        .bad("opens all of them at once", "name the hosts or tags");
    edit(&sandbox, "hosts = [\"*\"]", "hosts = [\"tag:prod\"]\nrotate-every = \"30d\"");
    sandbox.pkeys(&["key", "add", "eve", "laptop", "--public", &laptop]).good();
    let keys = sandbox.repo().join("keys.toml");
    let text = std::fs::read_to_string(&keys).unwrap();
    let day = text.lines().find_map(|line| line.strip_prefix("added = ")).unwrap().to_owned();
    std::fs::write(&keys, text.replace(&day, "2020-01-01")).unwrap();
    sandbox
        .pkeys(&["render"])
        .bad("the key eve laptop may not log in on web: it is older than `rotate-every`", "pkeys rotate");
}

#[test]
fn explain_names_every_rule_that_took_part() {
    let sandbox = two_hosts();
    put(&sandbox, "mine.cedar", NO_DB_ON_WEB);
    let said = sandbox.pkeys(&["policy", "explain", "web", "db"]).good();
    assert_eq!(
        said,
        "denied: pkeys.toml gives db to web\n  permit deliver-what-the-manifest-says (built-in baseline.cedar:3): pkeys.toml \
         gives this secret to this host\n  forbid no-db-on-web (policies/mine.cedar:2): the web server is open to the world\n         \
         fix: take web out of its hosts\n"
    );
    let app = json(&sandbox, &["policy", "explain", "app", "db"]);
    assert_eq!((&app["allowed"], &app["selected"]), (&Value::Bool(true), &Value::Bool(true)));
    let applies =
        |id: &str| app["rules"].as_array().unwrap().iter().find(|r| r["rule"] == id).unwrap()["applies"] == true;
    assert!(applies("deliver-what-the-manifest-says") && !applies("no-db-on-web"));
    sandbox.pkeys(&["policy", "explain", "web", "bd"]).bad("no secret bd", "did you mean db?");
    sandbox.pkeys(&["policy", "explain", "wbe", "db"]).bad("no host wbe", "did you mean web?");
}

#[test]
fn the_matrix_is_a_table_json_and_a_page_that_asks_for_nothing() {
    let sandbox = two_hosts();
    sandbox.host("mail", &[]);
    sandbox.secret("token", b"1", &["mail"]);
    put(&sandbox, "mine.cedar", &NO_DB_ON_WEB.replace("to the world", "to </script> all"));
    let table = sandbox.pkeys(&["policy", "matrix"]).good();
    assert_eq!(
        table,
        "      db  token\napp   +   .\nmail  .   +\nweb   !   .\nweb db: the web server is open to </script> all (rule \
         no-db-on-web, policies/mine.cedar:2)\n"
    );
    let all = json(&sandbox, &["policy", "matrix"]);
    assert_eq!(all["hosts"][2]["host"], "web");
    assert_eq!(all["hosts"][2]["secrets"]["db"], serde_json::json!({ "state": "denied", "rules": ["no-db-on-web"] }));
    assert!(all["hosts"][2]["secrets"].get("token").is_none());
    let path = sandbox.path("matrix.html");
    sandbox.pkeys(&["policy", "matrix", "--html", path.to_str().unwrap()]).good();
    let page = std::fs::read_to_string(&path).unwrap();
    for outside in ["http:", "https:", "//cdn", "src=", "href=", "@import", "url(", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("</script>").count(), 2, "a rule's text must not end the script");
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["cells"], serde_json::json!(["+.", ".+", "!."]));
    assert!(data["denied"]["2 0"].as_str().unwrap().contains("</script>"));
}

#[test]
fn test_cases_fail_with_what_came_instead() {
    let sandbox = two_hosts();
    assert!(sandbox.pkeys(&["policy", "test"]).err.contains("There are no tests"));
    let case = |more: &str| {
        format!(
            "[[case]]\nname = \"mine\"\naction = \"deliver\"\nprincipal = 'Host::\"web\"'\nresource = 'Secret::\"db\"'\n{more}\n"
        )
    };
    put(&sandbox, "mine.cedar", NO_DB_ON_WEB);
    put(&sandbox, "tests/mine.toml", &case("expect = \"deny\"\nrule = \"no-db-on-web\""));
    assert_eq!(sandbox.pkeys(&["policy", "test"]).good(), "1 case, 0 failed\n");
    for (more, why) in [
        ("expect = \"allow\"", "expected allow, came deny: by no-db-on-web"),
        ("expect = \"deny\"\nrule = \"no-dsa\"", "the rule no-dsa did not apply"),
        ("expect = \"deny\"\npasses = \"no-db-on-web\"", "the rule no-db-on-web applied"),
        ("expect = \"deny\"\nrule = \"nope\"", "there is no rule nope"),
        ("expect = \"deny\"\nprincipal-is = { tagz = [] }", "it does not fit the schema"),
        ("expect = \"deny\"\nprincipal-is = { tags = 7 }", "it does not fit the schema"),
        ("expect = \"deny\"\ncontext = { selectd = true }", "it does not fit the schema"),
    ] {
        put(&sandbox, "tests/mine.toml", &case(more));
        let ran = sandbox.pkeys(&["policy", "test"]);
        assert!(
            ran.status == 1 && ran.out.contains(&format!("failed policies/tests/mine.toml:1: mine: {why}")),
            "{ran:?}"
        );
    }
    put(&sandbox, "tests/mine.toml", &case("expect = \"maybe\""));
    sandbox.pkeys(&["policy", "test"]).bad("policies/tests/mine.toml:6: expected one of", "docs/policies.md");
}

#[test]
fn what_break_glass_signed_on_the_worst_day_is_not_held_up() {
    use pkeys::{bundle::Manifest, keys::UserKeys, manifest::Repository, policy::Gate, policy::Leeway};
    let sandbox = two_hosts();
    sandbox.pkeys(&["render"]).good();
    strict(&sandbox);
    let repository = Repository::open(&sandbox.repo()).unwrap();
    let bundle = Manifest::parse(&sandbox.read("bundles/web/manifest.json")).unwrap();
    let keys = UserKeys::default();
    let gate = Gate::open(&repository, &keys, Leeway::None).unwrap();
    assert!(gate.push("ann", &bundle).unwrap_err().message().contains("drill-within-90-days"));
    let overruled = gate.push("break-glass", &bundle).unwrap().overruled();
    assert!(overruled.iter().any(|line| line.contains("drill-within-90-days")), "{overruled:?}");
    assert!(overruled.iter().any(|line| line.contains("every-secret-has-an-owner")), "{overruled:?}");
}

#[test]
fn names_never_collide() {
    let sandbox = two_hosts();
    let (_, public) = sandbox.ssh_key("k", "ed25519");
    edit(
        &sandbox,
        "# Where secret values come from.\n",
        "[users.signing]\nhosts = [\"web\"]\n[users.unknown]\nhosts = [\"web\"]\n",
    );
    let signer = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let signer = signer.lines().find_map(|line| line.strip_prefix("ann = \"ssh-")).unwrap().to_owned();
    edit(&sandbox, "[signers]\n", &format!("[signers]\nunknown = \"ssh-{signer}\n"));
    sandbox.pkeys(&["key", "add", "signing", "key", "--public", &public]).good();
    sandbox.pkeys(&["render"]).good();
}

#[test]
fn the_pages_search_works_in_a_browser() {
    let sandbox = two_hosts();
    let path = sandbox.path("matrix.html");
    sandbox.pkeys(&["policy", "matrix", "--html", path.to_str().unwrap()]).good();
    if std::process::Command::new("chromium").arg("--version").output().is_err() {
        return eprintln!("skipped: chromium is not installed (tests/run installs it)");
    }
    let typed = |value: &str| {
        let type_it = format!(
            "<script>$('hosts').value = '{value}'; $('hosts').dispatchEvent(new Event('input', {{ bubbles: true }}));</script>"
        );
        let page = sandbox.path("typed.html");
        std::fs::write(&page, std::fs::read_to_string(&path).unwrap() + &type_it).unwrap();
        let profile = format!("--user-data-dir={}", sandbox.path("tmp").display());
        let mut chromium = sandbox.command_of("chromium");
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        chromium.args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
        ]);
        let dom = crate::common::run_command(chromium.arg(profile).arg(page), b"").good();
        dom.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap().to_owned()
    };
    let (all, some) = (typed(""), typed("WE"));
    assert!(all.contains("web") && all.contains("app"), "{all}");
    assert!(some.contains("web") && !some.contains("app"), "{some}");
}

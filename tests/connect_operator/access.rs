//! Which server gets which token, and what `login` says.

use crate::common::run_command;
use crate::connect::{EXAMPLE, StandIn};
use crate::{TAILSCALE, sandbox};

#[test]
fn login_checks_the_token_and_says_when_there_is_no_keyring() {
    let server = StandIn::start(EXAMPLE, &[]);
    let sandbox = sandbox(&[TAILSCALE]);
    let login = |token: &str| run_command(sandbox.command().args(["login", "--url", &server.url()]), token.as_bytes());
    login("wrong").bad("refused the token", "make a new one in 1Password");
    login("").bad("that is not a Connect token", "one line");
    login("demo-token\n").bad("there is no keyring service here", "OP_CONNECT_TOKEN");
    sandbox.pkeys(&["logout", "--url", &server.url()]).good();
    sandbox.pkeys(&["render"]).bad("no 1Password Connect server is named", "OP_CONNECT_HOST");
}

#[test]
fn login_names_the_sources_that_there_are() {
    let sandbox = sandbox(&[]);
    let no_source = |name: &str, hint: &str| {
        let ran = sandbox.pkeys_with(&["login", "--source", name], b"demo-token");
        ran.bad(&format!("pkeys.toml has no Connect source {name}"), hint);
    };
    no_source("nope", "it has onepassword");
    no_source("onepasword", "did you mean onepassword?");
    let text = String::from_utf8(sandbox.read("pkeys.toml")).unwrap();
    let without = text.replace("[sources.onepassword]\nkind = \"connect\"\n", "");
    std::fs::write(sandbox.repo().join("pkeys.toml"), without).unwrap();
    no_source("nope", "kind = \"connect\"");
}

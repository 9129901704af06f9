//! Which server gets which token, and what `login` says.

use crate::common::run_command;
use crate::connect::{EXAMPLE, StandIn};
use crate::{TAILSCALE, sandbox};

#[test]
fn login_checks_the_token_and_says_when_there_is_no_keyring() {
    let server = StandIn::start(EXAMPLE, &[]);
    let sandbox = sandbox(&[TAILSCALE]);
    let login = |token: &str| run_command(sandbox.command().args(["login", "--url", &server.url()]), token.as_bytes());
    login("wrong").bad("refused the token", "pkeys login");
    login("").bad("that is not a Connect token", "one line");
    login("demo-token\n").bad("there is no keyring service here", "OP_CONNECT_TOKEN");
    sandbox.pkeys(&["logout", "--url", &server.url()]).good();
    sandbox.pkeys(&["render"]).bad("no 1Password Connect server is named", "OP_CONNECT_HOST");
}

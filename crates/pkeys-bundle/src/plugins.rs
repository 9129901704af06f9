//! Which age plugins may be run. A recipient names a program, `age1NAME1…` runs `age-plugin-NAME`, and recipients come from
//! files that others wrote.

use crate::base::{Error, Result};
use age::secrecy::SecretString;

/// Speaks for age plugins and asks for passphrases; and decides which plugins may be run.
pub trait Callbacks: age::Callbacks {
    /// Whether `age-plugin-NAME` may be run.
    ///
    /// # Errors
    /// If not.
    fn may_run(&self, plugin: &str) -> Result<()>;
}

/// Runs no plugin.
impl Callbacks for age::NoCallbacks {
    fn may_run(&self, plugin: &str) -> Result<()> {
        Err(Error::new(format!("age-plugin-{plugin} is not run here"))
            .hint("use a recipient or identity without a plugin"))
    }
}

/// Runs any plugin that is installed, and asks nothing: for hosts, whose own configuration names identities and plugins.
#[derive(Clone, Copy, Debug)]
pub struct AnyPlugin;

impl Callbacks for AnyPlugin {
    fn may_run(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

impl age::Callbacks for AnyPlugin {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _: &str) -> Option<SecretString> {
        None
    }
}

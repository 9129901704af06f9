//! Which age plugins this operator lets pkeys run. `pkeys.toml` names recipients, and so programs; it does not decide.

use crate::base::places::config_directory;
use crate::base::{Error, Result};
use crate::operator::{Config, Prompt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What was decided, for all threads of this run.
#[derive(Clone, Debug)]
pub(super) struct AllowedPlugins(Arc<Mutex<BTreeMap<String, bool>>>);

impl AllowedPlugins {
    pub(super) fn new(named: &[String]) -> Self {
        Self(Arc::new(Mutex::new(named.iter().map(|name| (name.clone(), true)).collect())))
    }

    /// Whether a plugin may be run. Asks once about one that the configuration does not name, and remembers a yes there.
    ///
    /// # Errors
    /// If it may not, or there is nobody to ask.
    pub(super) fn check(&self, plugin: &str, prompt: &dyn Prompt) -> Result<()> {
        // Held while asking: other threads wait for the answer.
        let mut decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = match decided.get(plugin) {
            Some(allowed) => *allowed,
            None => {
                let allowed = prompt.confirm(&question(plugin)).ok_or_else(|| not_allowed(plugin))?;
                if allowed {
                    Config::remember_plugin(plugin)?;
                }
                decided.insert(plugin.to_owned(), allowed);
                allowed
            }
        };
        if allowed { Ok(()) } else { Err(not_allowed(plugin)) }
    }
}

fn question(plugin: &str) -> String {
    let program = format!("age-plugin-{plugin}");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|directory| directory.join(&program)).find(|path| path.is_file());
    let place = found.map_or_else(String::new, |path| format!(" ({})", path.display()));
    format!("A recipient or identity needs the program {program}{place}. Run it, now and in future?")
}

fn not_allowed(plugin: &str) -> Error {
    let file = config_directory().map_or_else(|_| "config.toml".into(), |at| Config::file(&at).display().to_string());
    Error::new(format!("the age plugin age-plugin-{plugin} is not allowed on this machine"))
        .hint(format!("if you trust it, add it to `plugins` in {file}: plugins = [\"{plugin}\"]"))
}

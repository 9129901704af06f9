//! What is remembered in `config.toml`, beside what the operator wrote there.

use crate::base::places::config_directory;
use crate::base::{Error, Result, files};
use crate::operator::Config;
use std::path::PathBuf;
use toml_edit::{Array, DocumentMut, Item, Table, value};

impl Config {
    /// Allows an age plugin from now on. Returns the file that says so.
    ///
    /// # Errors
    /// If `config.toml` cannot be read or written.
    pub fn remember_plugin(name: &str) -> Result<PathBuf> {
        edit(|document, invalid| {
            let list = document.entry("plugins").or_insert_with(|| value(Array::new()));
            let list = list.as_array_mut().ok_or_else(invalid)?;
            if !list.iter().any(|known| known.as_str() == Some(name)) {
                list.push(name);
            }
            Ok(())
        })
    }

    /// Trusts the CA certificates in `pem` for a Connect server from now on: a copy of them, so that nobody who can write to
    /// the file that they came from changes them later. Returns the copy.
    ///
    /// # Errors
    /// If the configuration cannot be read or written.
    pub fn remember_ca(server: &str, pem: &[u8]) -> Result<PathBuf> {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name = format!("ca-{}.pem", server.chars().map(plain).collect::<String>());
        let directory = config_directory()?;
        files::make_private_directories(&directory)?;
        let copy = directory.join(&name);
        files::write(&copy, pem, files::PRIVATE)?;
        edit(|document, invalid| {
            let servers = document.entry("connect").or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            let servers = servers.as_table_like_mut().ok_or_else(invalid)?;
            let mut entry = Table::new();
            entry.insert("ca-file", value(name));
            servers.insert(server, Item::Table(entry));
            Ok(())
        })?;
        Ok(copy)
    }
}

/// Changes `config.toml`, keeping its comments and order.
fn edit(change: impl FnOnce(&mut DocumentMut, &dyn Fn() -> Error) -> Result<()>) -> Result<PathBuf> {
    let directory = config_directory()?;
    let path = Config::file(&directory);
    // What cannot be read as a configuration is not changed.
    Config::load()?;
    let text = files::read(&path, 1024 * 1024)?.unwrap_or_default();
    let invalid = || Error::new(format!("invalid {}", path.display())).hint("correct it, or move it away");
    let mut document: DocumentMut = String::from_utf8_lossy(&text).parse().map_err(|_| invalid())?;
    change(&mut document, &invalid)?;
    files::make_private_directories(&directory)?;
    files::write(&path, document.to_string().as_bytes(), files::PRIVATE)?;
    Ok(path)
}

//! Changing `pkeys.toml` by program, keeping its comments and order.

use crate::base::{Error, Result};
use crate::manifest::{MANIFEST_FILE, parse::line_of};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

/// A change under way; written by [`super::Repository::save`].
#[derive(Debug)]
pub struct Edit {
    document: DocumentMut,
    /// Whether each line ends as on Windows. A file that mixes both gets the ends of Unix.
    crlf: bool,
}

impl Edit {
    pub(super) fn new(text: &str) -> Result<Self> {
        let document = text.parse().map_err(|_| Error::new(format!("{MANIFEST_FILE} is not valid TOML")))?;
        let ends = text.matches('\n').count();
        Ok(Self { document, crlf: ends > 0 && text.matches("\r\n").count() == ends })
    }

    pub(super) fn text(&self) -> String {
        let text = self.document.to_string();
        if self.crlf { text.replace('\n', "\r\n") } else { text }
    }

    pub(super) fn line(text: &str, path: &[&str]) -> Option<usize> {
        let document = toml_edit::Document::parse(text).ok()?;
        let (last, above) = path.split_last()?;
        let mut table = document.as_item();
        for key in above {
            table = table.get(key)?;
        }
        let (key, item) = table.as_table_like()?.get_key_value(last)?;
        let span = key.span().or_else(|| item.span())?;
        Some(line_of(text, span.start))
    }

    /// The table at `path`, made when it is not there: `["hosts", "web"]` becomes `[hosts.web]`.
    fn table(&mut self, path: &[&str]) -> Result<&mut dyn toml_edit::TableLike> {
        let shape = || Error::new(format!("{MANIFEST_FILE}: {} is not a table", path.join(".")));
        let mut item = self.document.as_item_mut();
        for (depth, key) in path.iter().enumerate() {
            let table = item.as_table_like_mut().ok_or_else(shape)?;
            if !table.contains_key(key) {
                let mut new = Table::new();
                new.set_implicit(depth + 1 < path.len());
                table.insert(key, Item::Table(new));
            }
            item = table.get_mut(key).ok_or_else(shape)?;
        }
        item.as_table_like_mut().ok_or_else(shape)
    }

    /// Sets a text.
    ///
    /// # Errors
    /// When the file has something else than tables on the way.
    pub fn set(&mut self, path: &[&str], key: &str, value: &str) -> Result<()> {
        self.put(path, key, value.into())
    }

    /// Sets a list of texts.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_list<S: AsRef<str>>(&mut self, path: &[&str], key: &str, values: &[S]) -> Result<()> {
        let list: Array = values.iter().map(AsRef::as_ref).collect();
        self.put(path, key, list.into())
    }

    fn put(&mut self, path: &[&str], key: &str, mut value: Value) -> Result<()> {
        let table = self.table(path)?;
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(old) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            None => {
                table.insert(key, Item::Value(value));
            }
        }
        Ok(())
    }

    /// Adds a text to a list that may not be there yet. Returns whether it was missing.
    ///
    /// # Errors
    /// As [`Self::set`], or when the key holds something else than a list.
    pub fn add_to_list(&mut self, path: &[&str], key: &str, value: &str) -> Result<bool> {
        let table = self.table(path)?;
        if !table.contains_key(key) {
            table.insert(key, Item::Value(Array::new().into()));
        }
        let list = table.get_mut(key).and_then(Item::as_array_mut);
        let list = list.ok_or_else(|| Error::new(format!("{MANIFEST_FILE}: {key} is not a list")))?;
        if list.iter().any(|item| item.as_str() == Some(value)) {
            return Ok(false);
        }
        list.push(value);
        Ok(true)
    }

    /// Removes a key with all below it. Returns whether it was there.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn remove(&mut self, path: &[&str], key: &str) -> Result<bool> {
        Ok(self.table(path)?.remove(key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# mine\nversion = 1\n\n[hosts.web] # the web\nrecipients = [\"age1x\"] # its key\n\n[secrets]\n";

    #[test]
    fn comments_and_order_are_kept() {
        let mut edit = Edit::new(TEXT).unwrap();
        edit.set_list(&["hosts", "web"], "recipients", &["age1y"]).unwrap();
        edit.set(&["hosts", "db"], "address", "root@db").unwrap();
        let expected =
            TEXT.replace("age1x", "age1y").replace("\n[secrets]", "\n[hosts.db]\naddress = \"root@db\"\n\n[secrets]");
        assert_eq!(edit.text(), expected);
        assert!(edit.remove(&["hosts"], "db").unwrap());
        assert_eq!(edit.text(), TEXT.replace("age1x", "age1y"));
    }

    #[test]
    fn the_ends_of_lines_are_kept() {
        let text = TEXT.replace('\n', "\r\n");
        let mut edit = Edit::new(&text).unwrap();
        assert_eq!(edit.text(), text);
        edit.set_list(&["hosts", "web"], "recipients", &["age1y"]).unwrap();
        assert_eq!(edit.text(), text.replace("age1x", "age1y"));
    }

    #[test]
    fn a_key_is_found_by_line() {
        assert_eq!(Edit::line(TEXT, &["hosts", "web"]), Some(4));
        assert_eq!(Edit::line(TEXT, &["hosts", "web", "recipients"]), Some(5));
        assert_eq!(Edit::line(TEXT, &["hosts", "db"]), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]
        #[test]
        fn what_is_added_and_removed_again_leaves_every_byte(
            hosts in proptest::collection::btree_map("[a-y][a-z0-9-]{0,8}", ("( #[ a-z]{0,9})?", "(# [a-z ]{0,9}\n)?", "(\n|\n\n)"), 0..5),
            head in "(# [a-z ]{0,20}\n){0,2}",
            tail in "(\n\\[secrets\\] *(# [a-z]{0,9})?\n)?",
        ) {
            let table = |(name, (note, above, end)): (String, (String, String, String))| {
                format!("{above}[hosts.{name}]{note}\naddress = \"root@{name}\"{note}{end}")
            };
            let text = format!("{head}version = 1\n\n{}{tail}", hosts.into_iter().map(table).collect::<String>());
            let mut edit = Edit::new(&text).unwrap();
            edit.set(&["hosts", "zz"], "address", "root@zz").unwrap();
            edit.add_to_list(&["hosts", "zz"], "tags", "new").unwrap();
            assert!(edit.text().contains("[hosts.zz]"));
            assert!(text.lines().all(|line| edit.text().contains(line)));
            assert!(edit.remove(&["hosts"], "zz").unwrap());
            assert_eq!(edit.text(), text);
        }
    }
}

//! Filters: `name eq "x"`, `title eq "x"`, `title co "x"`, `tag eq "x"`.
//!
//! How Connect escapes a quotation mark is not known: here the value is all between the first and the last one.

use crate::reply::Refusal;

pub(crate) struct Filter {
    attribute: String,
    contains: bool,
    value: String,
}

impl Filter {
    /// `attributes` are those that this list can be filtered by.
    pub(crate) fn parse(text: &str, attributes: &[&str]) -> Result<Self, Refusal> {
        let invalid = || Refusal::bad_request("Invalid filter");
        let (attribute, rest) = text.trim().split_once(' ').ok_or_else(invalid)?;
        let (operator, value) = rest.trim_start().split_once(' ').ok_or_else(invalid)?;
        let value = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or_else(invalid)?;
        let attribute = attribute.to_ascii_lowercase();
        let contains = match operator.to_ascii_lowercase().as_str() {
            "eq" => false,
            "co" => true,
            _ => return Err(invalid()),
        };
        if !attributes.contains(&attribute.as_str()) {
            return Err(invalid());
        }
        Ok(Self { attribute, contains, value: value.to_lowercase() })
    }

    pub(crate) fn attribute(&self) -> &str {
        &self.attribute
    }

    /// Ignores case, as Connect very probably does.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        if self.contains { text.contains(&self.value) } else { text == self.value }
    }
}

//! Which vault, item, field or file a name means. Pure: decides on lists that somebody else fetched.
//!
//! Order everywhere: exact id, exact name, name without case. More than one match is an error that lists them.

use super::model::{Field, File, Item, Overview, Section, Vault, is_put_away, shown};
use crate::base::error::did_you_mean;
use crate::base::{Error, Result};
use crate::source::OpReference;

/// How many names a hint lists at most.
const LISTED: usize = 20;

/// What a reference's last part names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    Field(&'a Field),
    File(&'a File),
}

/// The vault called `name`.
pub(super) fn vault<'a>(vaults: &'a [Vault], name: &str) -> Result<&'a Vault> {
    let found = pick(vaults.iter(), name, |v| &v.id, |v| &v.name);
    one(&found, &format!("vault \"{name}\""), |v| (shown(&v.name), &v.id))?.copied().ok_or_else(|| {
        let known = vaults.iter().map(|v| v.name.as_str());
        missing(format!("the token sees no vault \"{name}\""), name, known, "it sees")
            .hint("give the token access to a vault in 1Password, then run `pkeys login`")
    })
}

/// The item called `name` in the vault called `vault`. Active items win over archived ones.
pub(super) fn item<'a>(items: &'a [Overview], name: &str, vault: &str) -> Result<&'a Overview> {
    let (away, active): (Vec<_>, Vec<_>) = items.iter().partition(|i| is_put_away(&i.state));
    let what = format!("item \"{name}\" in vault \"{vault}\"");
    let found = pick(active.iter().copied(), name, |i| &i.id, |i| &i.title);
    if let Some(item) = one(&found, &what, |i| (shown(&i.title), &i.id))? {
        return Ok(item);
    }
    if let Some(item) = pick(away.into_iter(), name, |i| &i.id, |i| &i.title).first() {
        return Err(put_away(&item.title, &item.state));
    }
    let known = active.iter().map(|i| i.title.as_str());
    Err(missing(format!("there is no {what}"), name, known, "there are")
        .hint("the vault has no items that the token sees; add one in 1Password"))
}

/// The refusal of an archived or deleted item.
pub(super) fn put_away(title: &str, state: &str) -> Error {
    Error::new(format!("item \"{}\" is {}", shown(title), shown(state).to_lowercase()))
        .hint("restore it in 1Password, or let the reference name another item")
}

/// The field or file of `item` that the reference names.
pub(super) fn field<'a>(item: &'a Item, reference: &OpReference) -> Result<Found<'a>> {
    let all = || item.fields.iter().map(Found::Field).chain(item.files.iter().map(Found::File));
    let name = &reference.field;
    let title = shown(&item.title);
    let Some(section) = &reference.section else {
        let found = levels(name, |matches| {
            let (inside, outside): (Vec<_>, Vec<_>) =
                all().filter(|f| matches(*f)).partition(|f| label_of(item, *f).is_some());
            if outside.is_empty() { inside } else { outside }
        });
        let what = format!("field \"{name}\" in item \"{title}\"");
        return one(&found, &what, |f| described(item, *f))?.copied().ok_or_else(|| {
            missing(format!("there is no {what}"), name, all().map(Found::name), "there are")
                .hint("the item is empty; fill it in in 1Password")
        });
    };
    let ids: Vec<&str> = sections(item, section);
    if ids.is_empty() {
        let known = item.sections.iter().map(|s| s.label.as_str()).filter(|l| !l.is_empty());
        return Err(missing(
            format!("there is no section \"{section}\" in item \"{title}\""),
            section,
            known,
            "there are",
        )
        .hint("the item has no sections: leave that part of the reference out"));
    }
    let within = || all().filter(|f| f.section().is_some_and(|s| ids.contains(&s.id.as_str())));
    let found = levels(name, |matches| within().filter(|f| matches(*f)).collect());
    let what = format!("field \"{name}\" in section \"{section}\" of item \"{title}\"");
    one(&found, &what, |f| described(item, *f))?.copied().ok_or_else(|| {
        missing(format!("there is no {what}"), name, within().map(Found::name), "there are")
            .hint("the section is empty; fill it in in 1Password")
    })
}

impl<'a> Found<'a> {
    fn id(self) -> &'a str {
        match self {
            Self::Field(field) => &field.id,
            Self::File(file) => &file.id,
        }
    }

    /// A field without a label goes by its id.
    fn name(self) -> &'a str {
        match self {
            Self::Field(field) if field.label.is_empty() => &field.id,
            Self::Field(field) => &field.label,
            Self::File(file) => &file.name,
        }
    }

    fn section(self) -> Option<&'a Section> {
        match self {
            Self::Field(field) => field.section.as_ref(),
            Self::File(file) => file.section.as_ref(),
        }
    }
}

/// The label of the section that a field stands in. A section without a label counts as none.
fn label_of<'a>(item: &'a Item, found: Found<'a>) -> Option<&'a str> {
    listed_label(item, found.section()?)
}

/// The same for a field.
pub(super) fn section_label<'a>(item: &'a Item, field: &'a Field) -> Option<&'a str> {
    listed_label(item, field.section.as_ref()?)
}

fn listed_label<'a>(item: &'a Item, own: &'a Section) -> Option<&'a str> {
    let listed = item.sections.iter().find(|s| s.id == own.id).unwrap_or(own);
    Some(listed.label.as_str()).filter(|label| !label.is_empty())
}

/// The ids of the sections that `name` may mean.
fn sections<'a>(item: &'a Item, name: &str) -> Vec<&'a str> {
    let own = item.fields.iter().map(Found::Field).chain(item.files.iter().map(Found::File)).filter_map(Found::section);
    let all = item.sections.iter().chain(own);
    pick(all, name, |s| &s.id, |s| &s.label).into_iter().map(|s| s.id.as_str()).collect()
}

fn described<'a>(item: &Item, found: Found<'a>) -> (String, &'a str) {
    let name = shown(found.name());
    let name = label_of(item, found).map_or(name.clone(), |section| format!("{}/{name}", shown(section)));
    (name, found.id())
}

/// Asks for matches by id, then by name, then by name without case, until there are some.
fn levels<'a>(name: &str, matching: impl Fn(&dyn Fn(Found<'a>) -> bool) -> Vec<Found<'a>>) -> Vec<Found<'a>> {
    let by_id = |f: Found<'a>| f.id() == name;
    let by_name = |f: Found<'a>| f.name() == name;
    let without_case = |f: Found<'a>| f.name().eq_ignore_ascii_case(name);
    let all: [&dyn Fn(Found<'a>) -> bool; 3] = [&by_id, &by_name, &without_case];
    all.into_iter().map(matching).find(|found| !found.is_empty()).unwrap_or_default()
}

fn pick<'a, T>(
    all: impl Iterator<Item = &'a T> + Clone,
    name: &str,
    id: impl Fn(&T) -> &str,
    title: impl Fn(&T) -> &str,
) -> Vec<&'a T> {
    let by_id: Vec<_> = all.clone().filter(|one| id(one) == name).collect();
    if !by_id.is_empty() {
        return by_id;
    }
    let exact: Vec<_> = all.clone().filter(|one| title(one) == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    all.filter(|one| title(one).eq_ignore_ascii_case(name)).collect()
}

/// The only match, none, or the error that lists the several.
fn one<'f, 'd, T>(found: &'f [T], what: &str, describe: impl Fn(&'f T) -> (String, &'d str)) -> Result<Option<&'f T>> {
    if found.len() < 2 {
        return Ok(found.first());
    }
    let each: Vec<_> =
        found.iter().take(LISTED).map(describe).map(|(name, id)| format!("\"{name}\" with id {}", shown(id))).collect();
    Err(Error::new(format!("more than one {what}: {}", each.join(", ")))
        .hint("write the id in its place, or rename one of them in 1Password"))
}

/// The error for a name that is not there, with the names that are; the caller adds the hint for when there are none.
fn missing<'a>(message: String, name: &str, known: impl Iterator<Item = &'a str>, there: &str) -> Error {
    let mut known: Vec<String> = known.map(shown).collect();
    known.sort_unstable();
    known.dedup();
    let error = Error::new(message);
    if let Some(near) = did_you_mean(name, known.iter().map(String::as_str)) {
        return error.hint(format!("did you mean \"{near}\"?"));
    }
    if known.is_empty() {
        return error;
    }
    let more = if known.len() > LISTED { format!(" and {} more", known.len() - LISTED) } else { String::new() };
    known.truncate(LISTED);
    error.hint(format!("{there} \"{}\"{more}", known.join("\", \"")))
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;

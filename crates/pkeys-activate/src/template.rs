//! Templates: text in which `@pkeys:NAME@` stands for a secret.
//!
//! The placeholder's characters survive shell quoting, JSON, XML and URLs, so generators may quote around it.

use pkeys_bundle::base::{Error, Result, SecretBytes, SecretName};

const START: &str = "@pkeys:";

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Secret(SecretName),
}

fn pieces(content: &str) -> Result<Vec<Piece<'_>>> {
    let mut found = Vec::new();
    let mut rest = content;
    while let Some((text, after)) = rest.split_once(START) {
        let (name, after) =
            after.split_once('@').ok_or_else(|| Error::new("a placeholder has no end").hint("write @pkeys:NAME@"))?;
        let name = SecretName::new(name)
            .map_err(|_| Error::new("a placeholder holds no secret's name").hint("write @pkeys:NAME@"))?;
        found.extend([Piece::Text(text), Piece::Secret(name)]);
        rest = after;
    }
    found.push(Piece::Text(rest));
    Ok(found)
}

/// The secrets that a template needs.
///
/// # Errors
/// When a placeholder is broken.
pub(super) fn names(content: &str) -> Result<Vec<SecretName>> {
    let secret = |piece| match piece {
        Piece::Secret(name) => Some(name),
        Piece::Text(_) => None,
    };
    pieces(content).map(|all| all.into_iter().filter_map(secret).collect())
}

/// Fills a template in.
///
/// # Errors
/// When a placeholder is broken, or names a secret that is not there.
pub(super) fn fill<'a>(content: &str, get: impl Fn(&SecretName) -> Option<&'a [u8]>) -> Result<SecretBytes> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let pieces = pieces(content)?;
    for piece in &pieces {
        parts.push(match piece {
            Piece::Text(text) => text.as_bytes(),
            Piece::Secret(name) => get(name).ok_or_else(|| Error::new(format!("the bundle has no secret {name}")))?,
        });
    }
    let mut filled = SecretBytes::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| filled.extend(part));
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_byte_for_byte() {
        let get = |name: &SecretName| match name.as_str() {
            "a" => Some(&b"1\xff"[..]),
            "b.c" => Some(&b"@pkeys:a@"[..]),
            _ => None,
        };
        let filled = fill("x=@pkeys:a@ y=@pkeys:b.c@ m@il", get).unwrap();
        assert_eq!(filled.expose(), b"x=1\xff y=@pkeys:a@ m@il");
        assert_eq!(fill("plain", get).unwrap().expose(), b"plain");
        for bad in ["@pkeys:a", "@pkeys:@", "@pkeys:../x@", "@pkeys:none@"] {
            assert!(fill(bad, get).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_with_placeholders_is_filled_in(
            pieces in proptest::collection::vec(("[^@]{0,12}", "[A-Za-z0-9][A-Za-z0-9._-]{0,12}", proptest::collection::vec(proptest::num::u8::ANY, 0..20)), 0..6),
            end in "[^@]{0,12}",
        ) {
            // The last value of a name that comes twice is its value.
            let values: std::collections::BTreeMap<_, _> = pieces.iter().map(|(_, name, value)| (name.as_str(), value.as_slice())).collect();
            let mut text: String = pieces.iter().map(|(before, name, _)| format!("{before}@pkeys:{name}@")).collect();
            let mut filled: Vec<u8> = pieces.iter().flat_map(|(before, name, _)| [before.as_bytes(), values[name.as_str()]].concat()).collect();
            text += &end;
            filled.extend(end.as_bytes());
            let found = fill(&text, |name| values.get(name.as_str()).copied()).unwrap();
            proptest::prop_assert_eq!(found.expose(), filled);
        }
    }
}

//! The sheets: one self-contained HTML page each, to be printed. No network, no script, nothing but black on white.
//!
//! A page holds the key or a share; it is made in memory that is wiped, and touches no file here.

use super::lines::{Kind, lines};
use super::{Anchor, BreakGlassIdentity, Share, fingerprint};
use crate::base::{Error, Result, SecretBytes};
use crate::bundle::{Recipient, sha256_hex};
use qrcode::{EcLevel, QrCode, render::svg};

/// The program that puts shares together without pkeys. It belongs into the operator's repository, at
/// `break-glass/combine.py`, where the sheets say it is.
pub const COMBINE: &str = include_str!("../combine.py");

const KEY_SHEET: &str = include_str!("key.html");
const SHARE_SHEET: &str = include_str!("share.html");
const STYLE: &str = include_str!("style.css");
/// The longest label that cannot push the sheet onto a second page, in characters.
const MAX_LABEL: usize = 60;

/// What a sheet says beside the key.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Which repository or organisation it is for; at most 60 characters.
    pub label: &'a str,
    /// The day it was made, as it is to be printed: `2026-11-23`.
    pub date: &'a str,
}

/// The sheet of a whole key.
///
/// # Errors
/// When the label is too long.
pub fn key_sheet(key: &BreakGlassIdentity, anchor: &Anchor, about: &About) -> Result<SecretBytes> {
    check(about)?;
    let text = key.text().expose_str().unwrap_or_default();
    let (code, rows) = (code(text)?, rows(key.kind(), text, None));
    let [program, proof, proven, recipient] = by_hand(key.recipient());
    let fingerprint = key.fingerprint();
    let anchors = anchor_rows(anchor);
    Ok(fill(
        KEY_SHEET,
        &[
            ("label", Text(about.label)),
            ("date", Text(about.date)),
            ("fingerprint", Text(&fingerprint)),
            ("recipient", Text(&recipient)),
            ("prefix", Text(key.kind().prefix)),
            ("program", Text(&program)),
            ("proof", Text(&proof)),
            ("proven", Text(&proven)),
            ("signer", Text(&anchor.signer)),
            ("anchors", Html(anchors.as_bytes())),
            ("style", Html(STYLE.as_bytes())),
            ("code", Html(code.expose())),
            ("rows", Html(rows.expose())),
        ],
    ))
}

/// The sheet of one holder's share of the key with this recipient.
///
/// # Errors
/// When the share is of another key, or the label is too long.
pub fn share_sheet(share: &Share, recipient: &Recipient, anchor: &Anchor, about: &About) -> Result<SecretBytes> {
    check(about)?;
    let fingerprint = fingerprint(recipient);
    if !share.is_of(recipient) {
        return Err(Error::new(format!("share {} is of another key than {recipient}", share.number())));
    }
    let text = share.text();
    let text = text.expose_str().unwrap_or_default();
    let (code, rows) = (code(text)?, rows(share.kind(), text, Some(share.number())));
    let [number, count, needed] = [share.number(), share.count(), share.threshold()].map(|n| n.to_string());
    let others = (share.threshold() - 1).to_string();
    let (anchors, combine) = (anchor_rows(anchor), sha256_hex(COMBINE.as_bytes()));
    let [program, proof, proven, recipient] = by_hand(recipient);
    Ok(fill(
        SHARE_SHEET,
        &[
            ("label", Text(about.label)),
            ("date", Text(about.date)),
            ("fingerprint", Text(&fingerprint)),
            ("recipient", Text(&recipient)),
            ("program", Text(&program)),
            ("proof", Text(&proof)),
            ("proven", Text(&proven)),
            ("combine", Text(&combine)),
            ("number", Text(&number)),
            ("count", Text(&count)),
            ("needed", Text(&needed)),
            ("others", Text(&others)),
            ("signer", Text(&anchor.signer)),
            ("anchors", Html(anchors.as_bytes())),
            ("style", Html(STYLE.as_bytes())),
            ("code", Html(code.expose())),
            ("rows", Html(rows.expose())),
        ],
    ))
}

/// What opens it without pkeys, the command that proves the key, what that must print, and the recipient for the foot of
/// the page. A post-quantum recipient would fill the page: its fingerprint stands for it.
fn by_hand(recipient: &Recipient) -> [String; 4] {
    let text = recipient.to_string();
    if recipient.is_post_quantum() == Some(true) {
        let short = format!("{}…, the whole of it in pkeys.toml", &text[..24]);
        let proof = "age-keygen -y $K | tr -d '\\n' | sha256sum | cut -c1-32 | fold -w4 | xargs";
        return ["age 1.3 or later".into(), proof.into(), "fingerprint at the top of this page".into(), short];
    }
    ["age".into(), "age-keygen -y $K".into(), "recipient at the bottom of this page".into(), text]
}

fn check(about: &About) -> Result<()> {
    if about.label.chars().count() <= MAX_LABEL && about.date.chars().count() <= MAX_LABEL {
        return Ok(());
    }
    Err(Error::new(format!("the sheet's label is longer than {MAX_LABEL} characters")).hint("give a shorter one"))
}

/// A QR code as SVG. A quarter of it may be lost (level Q).
fn code(text: &str) -> Result<SecretBytes> {
    let code = QrCode::with_error_correction_level(text, EcLevel::Q).map_err(|_| Error::new("cannot draw the code"))?;
    let svg = SecretBytes::from(code.render::<svg::Color>().quiet_zone(true).build());
    // Inside HTML it goes without the XML declaration.
    let drawn = svg.expose_str().and_then(|text| text.find("<svg").map(|start| &text.as_bytes()[start..]));
    Ok(SecretBytes::copy_of(drawn.unwrap_or_default()))
}

/// The lines of who signs, as rows of a table: label, groups, checksum.
fn anchor_rows(anchor: &Anchor) -> String {
    let row = |(label, groups, sum): (&str, String, String)| {
        format!("<tr class=\"anchor\"><th>{label}</th><td>{groups}</td><td class=\"sum\">{sum}</td></tr>\n")
    };
    anchor.lines().map(row).concat()
}

/// The lines as rows of a table: label, four groups, checksum.
fn rows(kind: &Kind, text: &str, share: Option<u8>) -> SecretBytes {
    let mut rows = SecretBytes::with_capacity(1024);
    for line in lines(kind, text, share) {
        rows.extend(format!("<tr><th>{}</th>", line.label).as_bytes());
        for index in 0..4 {
            rows.extend(b"<td>");
            rows.extend(line.groups.get(index).unwrap_or(&"").as_bytes());
            rows.extend(b"</td>");
        }
        rows.extend(format!("<td class=\"sum\">{}</td></tr>\n", line.checksum).as_bytes());
    }
    rows
}

enum Value<'a> {
    /// Is escaped.
    Text(&'a str),
    /// Goes in as it is.
    Html(&'a [u8]),
}
use Value::{Html, Text};

/// The template with each `{{name}}` replaced. A name without a value, or a value without a name, is a bug that the
/// tests find.
fn fill(template: &str, values: &[(&str, Value)]) -> SecretBytes {
    let mut page = SecretBytes::with_capacity(64 * 1024);
    let mut parts = template.split("{{");
    page.extend(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, Html(html))) => page.extend(html),
            Some((_, Text(text))) => page.extend(escape(text).as_bytes()),
            None => page.extend(format!("{{{{{name}}}}}").as_bytes()),
        }
        page.extend(rest.as_bytes());
    }
    page
}

/// Text for HTML, between tags and in attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

use super::super::lines::KEY;
use super::super::split;
use super::*;

const ABOUT: About = About { label: "Müller & Söhne <infra> \"x\" 'y' {{rows}}", date: "2026-11-23" };

fn key() -> BreakGlassIdentity {
    BreakGlassIdentity::generate().unwrap()
}

fn anchor() -> Anchor {
    let signer = "SHA256:uNiVztksCsDhcc0u9e8BrrftZ1T9AmzvlAxVTb7Z0BE".to_owned();
    Anchor { fleet: crate::base::FleetId::random(), signer }
}

fn page(sheet: &SecretBytes) -> &str {
    sheet.expose_str().unwrap()
}

#[test]
fn the_key_stands_on_its_sheet_in_lines_and_every_text_is_escaped() {
    let key = key();
    let sheet = key_sheet(&key, &anchor(), &ABOUT).unwrap();
    let page = page(&sheet);
    for line in lines(&KEY, key.text().expose_str().unwrap(), None) {
        assert!(page.contains(&format!("<td>{}</td><td>{}</td>", line.groups[0], line.groups[1])));
        assert!(page.contains(&line.checksum));
    }
    assert!(page.contains("Müller &amp; Söhne &lt;infra&gt; &quot;x&quot; &#39;y&#39; {{rows}}"));
    assert!(page.contains(&key.fingerprint()) && page.contains(key.recipient().id()) && page.contains("2026-11-23"));
    assert_eq!(page.matches("{{").count(), page.matches("{{rows}}").count(), "a name has no value");
}

#[test]
fn a_sheet_asks_for_nothing_from_outside_and_runs_nothing() {
    let key = key();
    let shares = split(&key, 2, 3).unwrap();
    let sheets = [
        key_sheet(&key, &anchor(), &ABOUT).unwrap(),
        share_sheet(&shares[0], key.recipient(), &anchor(), &ABOUT).unwrap(),
    ];
    for sheet in &sheets {
        let page = page(sheet);
        for bad in ["<script", "src=", "href=", "@import", "url(", "<link"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    }
}

#[test]
fn a_holders_sheet_has_the_share_and_nothing_of_the_key() {
    let key = key();
    let share = &split(&key, 3, 5).unwrap()[1];
    let sheet = share_sheet(share, key.recipient(), &anchor(), &ABOUT).unwrap();
    let page = page(&sheet);
    assert!(page.contains("<th>2.1</th>") && page.contains("<th>2.4</th>"));
    assert!(page.contains("Share 2 of 5"));
    assert!(!page.contains("PKEYS-SHARE-1Q"));
    let other = super::tests::key();
    assert!(share_sheet(share, other.recipient(), &anchor(), &ABOUT).is_err());
    let shares = lines(&KEY, key.text().expose_str().unwrap(), None);
    assert!(shares.iter().flat_map(|line| &line.groups).all(|group| group.len() < 5 || !page.contains(*group)));
}

#[test]
fn every_sheet_has_the_fleet_the_signer_and_its_lines_and_a_share_the_digest_of_the_program() {
    let (key, anchor) = (key(), anchor());
    let shares = split(&key, 2, 3).unwrap();
    let sheets =
        [key_sheet(&key, &anchor, &ABOUT).unwrap(), share_sheet(&shares[0], key.recipient(), &anchor, &ABOUT).unwrap()];
    for sheet in &sheets {
        assert!(page(sheet).contains(&anchor.signer));
        for (label, groups, sum) in anchor.lines() {
            let row = format!("<th>{label}</th><td>{groups}</td><td class=\"sum\">{sum}</td>");
            assert!(page(sheet).contains(&row), "{label}");
        }
        assert!(!page(sheet).contains("K=/dev/shm/key") && page(sheet).contains("mktemp -d -p /dev/shm"));
    }
    assert!(page(&sheets[1]).contains(&sha256_hex(COMBINE.as_bytes())));
}

#[test]
fn a_label_that_is_too_long_is_refused() {
    let long = About { label: &"x".repeat(61), ..ABOUT };
    assert!(key_sheet(&key(), &anchor(), &long).unwrap_err().next_step().is_some());
}

#[test]
fn the_sheets_of_a_post_quantum_key_say_what_it_needs_and_name_it_by_its_fingerprint() {
    let key = BreakGlassIdentity::generate_post_quantum().unwrap();
    let shares = split(&key, 2, 3).unwrap();
    let sheets = [
        key_sheet(&key, &anchor(), &ABOUT).unwrap(),
        share_sheet(&shares[0], key.recipient(), &anchor(), &ABOUT).unwrap(),
    ];
    for sheet in &sheets {
        let page = page(sheet);
        assert!(page.contains("<code>age 1.3 or later</code>"));
        assert!(page.contains("age-keygen -y $K | tr -d &#39;\\n&#39; | sha256sum | cut -c1-32 | fold -w4 | xargs"));
        assert!(page.contains("the fingerprint at the top of this page") && page.contains(&key.fingerprint()));
        assert!(!page.contains(&key.recipient().to_string()), "1959 characters would need a second page");
        assert_eq!(page.matches("{{").count(), page.matches("{{rows}}").count(), "a name has no value");
    }
    let page = page(&sheets[0]);
    assert!(page.contains("(printf AGE-SECRET-KEY-PQ-1;") && page.contains("<code>AGE-SECRET-KEY-PQ-1</code>"));
}

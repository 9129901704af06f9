//! The shape of an age file's header, where the `age` crate takes what the specification forbids.

/// The columns of a full line of a stanza's body.
const COLUMNS: usize = 64;

/// Whether every stanza ends with a body line that is not full, empty if need be: without it one file has two readings.
///
/// The `age` crate (0.12.1) takes files that lack it. Everything else of the header it checks itself.
pub(super) fn stanzas_end(file: &[u8]) -> bool {
    let mut lines = file.split(|byte| *byte == b'\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with(b"->") {
            return line.starts_with(b"---");
        }
        while lines.peek().is_some_and(|line| line.len() == COLUMNS && !line.starts_with(b"-")) {
            lines.next();
        }
        let last = lines.next();
        if last.is_none_or(|line| line.len() > COLUMNS || line.starts_with(b"-")) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stanza_ends_with_a_short_line() {
        let full = "A".repeat(64);
        for (stanzas, good) in [
            ("-> X25519 a\nAAAA\n".to_owned(), true),
            ("-> a\n\n".to_owned(), true),
            (format!("-> a\n{full}\n\n"), true),
            (format!("-> a\n{full}\nAA\n-> b\n\n"), true),
            ("-> a\n".to_owned(), false),
            (format!("-> a\n{full}\n"), false),
            (format!("-> a\nAA\n-> b\n{full}\n"), false),
            ("-> a\nAA\nAA\n".to_owned(), false),
            (format!("-> a\n---{}\nAA\n", &full[3..]), false),
        ] {
            let file = format!("age-encryption.org/v1\n{stanzas}--- mac\npayload\n->");
            assert_eq!(stanzas_end(file.as_bytes()), good, "{stanzas}");
        }
    }
}

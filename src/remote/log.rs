//! What `ssh` writes into its log while a user logs in (OpenSSH's sshconnect2.c), at the level DEBUG1.

/// A line that matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A public key was offered.
    Offered(Key<'a>),
    /// The host would accept it.
    Accepted(Key<'a>),
    /// The host refused what was tried last, or wants more than that.
    Refused,
    /// This method, such as `publickey`, was one of several that the host wants.
    Partly(&'a str),
    /// The user is in, by this method.
    In(&'a str),
}

/// A key as the log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// `ED25519`, `RSA-CERT`, …
    pub kind: &'a str,
    /// `SHA256:…`, of a certificate too: that of its key.
    pub fingerprint: &'a str,
}

impl Key<'_> {
    /// Whether it is this very key, and not a certificate of it.
    pub(super) fn is(&self, fingerprint: &str) -> bool {
        self.fingerprint == fingerprint && !self.kind.ends_with("-CERT")
    }
}

/// Parses one whole line; `None` for one that does not matter.
pub(super) fn event(line: &str) -> Option<Event<'_>> {
    if let Some(rest) = line.strip_prefix("debug1: Offering public key: ") {
        return key(rest).map(Event::Offered);
    }
    if let Some(rest) = line.strip_prefix("debug1: Server accepts key: ") {
        return key(rest).map(Event::Accepted);
    }
    if line.starts_with("debug1: Authentications that can continue: ") {
        return Some(Event::Refused);
    }
    if let Some(rest) = line.strip_prefix("Authenticated using \"") {
        return rest.strip_suffix("\" with partial success.").map(Event::Partly);
    }
    let rest = line.strip_prefix("Authenticated to ")?.strip_suffix("\".")?;
    rest.rsplit_once(" using \"").map(|(_, method)| Event::In(method))
}

/// `FILE KIND SHA256:…`, and what else is known of it: `explicit`, `token` or `authenticator`, `agent`.
fn key(text: &str) -> Option<Key<'_>> {
    let notes = [" agent", " authenticator", " token", " explicit"];
    let text = notes.iter().fold(text, |text, note| text.strip_suffix(note).unwrap_or(text));
    let mut words = text.rsplitn(3, ' ');
    let (fingerprint, kind) = (words.next().filter(|word| word.starts_with("SHA256:"))?, words.next()?);
    words.next().map(|_file| Key { kind, fingerprint })
}

/// The keys that a login was made with; `None` when nobody was let in.
pub(super) fn used<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<&'a str>> {
    let (mut used, mut last) = (Vec::new(), None);
    for event in lines.filter_map(event) {
        match event {
            Event::Accepted(key) => last = Some(key.fingerprint),
            Event::Partly("publickey") => used.extend(last.take()),
            Event::In(method) => {
                used.extend(last.take().filter(|_| method == "publickey"));
                return Some(used);
            }
            Event::Offered(_) | Event::Refused | Event::Partly(_) => last = None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "debug1: Offering public key: /run/a b/key.pub ED25519 SHA256:new explicit agent";
    const ACCEPT: &str = "debug1: Server accepts key: /x SHA256:other y ED25519 SHA256:new explicit agent";
    const IN: &str = "Authenticated to web ([127.0.0.1]:22) using \"publickey\".";

    #[test]
    fn only_whole_lines_of_ssh_are_understood() {
        let new = Key { kind: "ED25519", fingerprint: "SHA256:new" };
        assert_eq!(event(OFFER), Some(Event::Offered(new)));
        assert_eq!(event(ACCEPT), Some(Event::Accepted(new)));
        assert_eq!(
            event("debug1: Offering public key: /x RSA-CERT SHA256:a"),
            event("debug1: Offering public key: /x RSA-CERT SHA256:a token agent")
        );
        assert_eq!(event("debug1: Authentications that can continue: publickey"), Some(Event::Refused));
        assert_eq!(event("Authenticated using \"publickey\" with partial success."), Some(Event::Partly("publickey")));
        assert_eq!(event(IN), Some(Event::In("publickey")));
        assert_eq!(event("Authenticated to web (via proxy) using \"none\"."), Some(Event::In("none")));
        for other in [
            format!("debug1: Remote: {ACCEPT}"),
            format!("{IN} x"),
            format!(" {IN}"),
            "debug1: Server accepts key: SHA256:new".into(),
            "debug1: Authentication succeeded (publickey).".into(),
            "Authenticated using \"".into(),
        ] {
            assert_eq!(event(&other), None, "{other}");
        }
    }

    #[test]
    fn the_keys_of_a_login_are_those_that_let_the_user_in() {
        let of = |lines: &[&'static str]| used(lines.iter().copied());
        let refused = "debug1: Authentications that can continue: publickey";
        let other = "debug1: Server accepts key: /y RSA SHA256:other";
        assert_eq!(of(&[OFFER, refused, other, IN]), Some(vec!["SHA256:other"]));
        let partly = "Authenticated using \"publickey\" with partial success.";
        assert_eq!(of(&[ACCEPT, partly, refused, other, IN]), Some(vec!["SHA256:new", "SHA256:other"]));
        assert_eq!(of(&[ACCEPT, refused, "Authenticated to web (via proxy) using \"none\"."]), Some(vec![]));
        assert_eq!(of(&[ACCEPT, refused]), None);
    }
}

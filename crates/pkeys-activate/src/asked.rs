//! What a login with a forced command asked for: sshd gives it as `SSH_ORIGINAL_COMMAND`.

use pkeys_bundle::base::{Error, Result};

/// What a login that may only push can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To hand a bundle over.
    Receive,
    /// To be told what the host has.
    Report,
}

impl Asked {
    /// Of the command that was asked for: compared as a whole with the few that there are, so that no shell and no
    /// argument of the other side has a part in it. None at all is a bundle, as `tar | ssh` sends one.
    ///
    /// # Errors
    /// When it is another.
    pub fn of(command: Option<&str>) -> Result<Self> {
        match command {
            // What the forced command itself does not allow is refused when the bundle is there.
            None | Some("pkeys-activate receive" | "pkeys-activate receive --allow-rollback") => Ok(Self::Receive),
            Some("pkeys-activate report") => Ok(Self::Report),
            Some(_) => Err(Error::new("this login can push a bundle or ask for a report, and nothing else")
                .hint("use `pkeys push`, `pkeys host check`, or another login")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_commands_count() {
        assert_eq!(Asked::of(None), Ok(Asked::Receive));
        assert_eq!(Asked::of(Some("pkeys-activate receive --allow-rollback")), Ok(Asked::Receive));
        assert_eq!(Asked::of(Some("pkeys-activate report")), Ok(Asked::Report));
        for bad in ["", "cat /etc/shadow", "pkeys-activate report; id", "pkeys-activate  report", "report", "sh"] {
            assert!(Asked::of(Some(bad)).is_err(), "{bad}");
        }
        let long = "pkeys-activate report --spec /tmp/x";
        assert!(!format!("{:?}", Asked::of(Some(long)).unwrap_err()).contains("/tmp/x"), "nothing is repeated");
    }
}

//! `policy = "…"`: how much the policies that ship demand.

use serde::Deserialize;

/// What the signing key of break-glass is called in `[signers]`.
pub const BREAK_GLASS_SIGNER: &str = "break-glass";

/// Which of the policies that ship are on. There is no way to have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyLevel {
    /// What every repository should hold to.
    #[default]
    Baseline,
    /// The baseline and more.
    Strict,
}

impl PolicyLevel {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Strict => "strict",
        }
    }
}

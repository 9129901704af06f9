//! How words are shown where colors are wanted.

use anstyle::{AnsiColor, Style};

/// How a word is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// A heading or a name.
    Bold,
    /// Of less weight.
    Dim,
    /// Good.
    Good,
    /// To look at.
    Warn,
    /// Bad.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => color(AnsiColor::Green),
            Self::Warn => color(AnsiColor::Yellow),
            Self::Bad => color(AnsiColor::Red).bold(),
        }
    }

    /// The word with what makes a terminal show it so.
    pub(super) fn painted(self, word: &str) -> String {
        let style = self.style();
        format!("{style}{word}{style:#}")
    }
}

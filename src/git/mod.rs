//! What pkeys asks git about a repository, and how it runs git.
//!
//! Reading goes through `gix`: `git` itself runs programs that `.git/config` names (`core.fsmonitor`, filters, hooks), and a
//! repository may come from an archive that somebody else made. May import `base` only.

mod command;
mod history;
mod news;
mod reading;

pub use command::command;
pub use history::{Snapshot, visit_states};
pub use news::{News, Wanted, visit_news};
pub use reading::{uncommitted, user_email};

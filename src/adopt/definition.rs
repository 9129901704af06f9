//! One definition of a user's keys.

use crate::base::{HostName, UserName};
use crate::keys::AuthorizedLine;
use crate::nixfiles::{At, Left, NixFile};
use rnix::SyntaxNode;
use std::collections::BTreeSet;
use std::ops::Range;

/// The option that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `openssh.authorizedKeys.keys`
    Keys,
    /// `openssh.authorizedKeys.keyFiles`
    KeyFiles,
}

/// A condition and whether it is to hold.
#[derive(Clone, Debug)]
pub(super) struct Condition<'t> {
    pub at: At<'t>,
    pub holds: bool,
    /// Whether it stands around the definition, and stays in the file.
    pub outer: bool,
}

/// What one item of a list is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A key that stands there.
    Key(Box<AuthorizedLine>),
    /// All keys of another user: `config.users.users.ann.openssh.authorizedKeys.keys`.
    Of(UserName),
    /// It cannot be taken over.
    Unseen(Left),
}

/// One item, and when it counts.
#[derive(Clone, Debug)]
pub(super) struct Item<'t> {
    pub kind: Kind,
    pub conditions: Vec<Condition<'t>>,
    pub file: &'t NixFile,
    pub line: usize,
    /// The comment that belongs to it.
    pub comment: Option<String>,
}

/// A part of a definition's value that can go while the rest stays.
#[derive(Clone, Debug)]
pub(super) struct Piece<'t> {
    /// Where it stands; `None`: it cannot go alone.
    pub range: Option<Range<usize>>,
    /// The operand of `++` that it is, or is an element of.
    pub operand: usize,
    /// `mkForce` is 50, none 100.
    pub priority: u32,
    pub items: Vec<Item<'t>>,
    /// Whether it stays in the file.
    pub stays: bool,
}

/// A definition of a user's keys in a file.
#[derive(Clone, Debug)]
pub(super) struct Definition<'t> {
    pub file: &'t NixFile,
    pub line: usize,
    /// The binding: `… = …;` or `inherit …;`.
    pub binding: SyntaxNode,
    pub user: UserName,
    pub field: Field,
    /// The outermost set literal around it, in which an option is set once only.
    pub anchor: Range<usize>,
    /// Where it counts; empty: nobody can see it.
    pub hosts: BTreeSet<HostName>,
    pub pieces: Vec<Piece<'t>>,
    /// Ranges of the value's operands, where it is a plain list or lists joined by `++`.
    pub operands: Vec<Range<usize>>,
    /// Why nothing of it is taken over.
    pub left: Option<Left>,
}

impl<'t> Definition<'t> {
    /// Whether all of it is taken over.
    pub fn is_whole(&self) -> bool {
        self.left.is_none() && self.pieces.iter().all(|piece| !piece.stays)
    }

    /// The pieces that are taken over.
    pub fn taken(&self) -> impl Iterator<Item = &Piece<'t>> {
        self.pieces.iter().filter(|piece| self.left.is_none() && !piece.stays)
    }

    /// Leaves all of it alone. Returns whether that is new.
    pub fn leave(&mut self, why: impl Into<String>, next: impl Into<String>) -> bool {
        if self.left.is_some() {
            return false;
        }
        let (file, line) = (self.file.path.clone(), Some(self.line));
        self.left = Some(Left::new(file, line, why, next));
        true
    }

    /// Leaves a piece in the file, or all of it where the piece cannot go alone.
    pub fn keep(&mut self, piece: usize) {
        self.pieces[piece].stays = true;
        let why = self.pieces[piece].items.iter().find_map(|item| match &item.kind {
            Kind::Unseen(left) => Some(left.clone()),
            _ => None,
        });
        if self.pieces[piece].range.is_none() || self.pieces.iter().all(|piece| piece.stays) {
            self.left = self.left.take().or(why);
        }
    }
}

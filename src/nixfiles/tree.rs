//! All Nix files of a repository.

use super::depth::too_deep;
use crate::base::{Error, Result, files};
use rnix::ast;
use rnix::{Root, SyntaxNode};
use rowan::ast::AstNode;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The largest Nix file that is read, in bytes.
pub const MAX_FILE: usize = 4 * 1024 * 1024;

/// How deep brackets may be nested, and expressions with them: real files have a few dozen.
pub(super) const MAX_BRACKETS: usize = 500;
pub(super) const MAX_LEVELS: usize = 1500;

/// How many names are followed for one answer: lists joined to themselves double with each.
const MAX_STEPS: usize = 20_000;

/// Something that pkeys does not touch, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// The file, from the repository's root.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: Option<usize>,
    /// Why it is left alone.
    pub why: String,
    /// What to do by hand.
    pub next: String,
}

impl Left {
    /// Names that stand in the files may be in both texts; what would move a terminal's cursor is replaced.
    pub fn new(file: PathBuf, line: Option<usize>, why: impl Into<String>, next: impl Into<String>) -> Self {
        let fit = |text: String| text.replace(char::is_control, "\u{fffd}");
        Self { file, line, why: fit(why.into()), next: fit(next.into()) }
    }
}

/// One Nix file that parses.
#[derive(Debug)]
pub struct NixFile {
    /// From the repository's root.
    pub path: PathBuf,
    /// Its text, byte for byte.
    pub text: String,
    root: SyntaxNode,
}

impl NixFile {
    /// Parses a file's text.
    ///
    /// # Errors
    /// The line, from 1, of what does not parse.
    pub fn parse(path: PathBuf, text: String) -> std::result::Result<Self, usize> {
        if let Some(at) = too_deep(&text, MAX_BRACKETS, MAX_LEVELS) {
            return Err(line_of(&text, at));
        }
        let parsed = Root::parse(&text);
        match parsed.errors().first() {
            None => Ok(Self { path, root: parsed.syntax(), text }),
            Some(error) => Err(line_of(&text, place_of_error(error).unwrap_or(0))),
        }
    }

    /// The syntax tree.
    pub fn syntax(&self) -> &SyntaxNode {
        &self.root
    }

    /// The expression that the file is.
    pub fn expression(&self) -> Option<ast::Expr> {
        ast::Root::cast(self.root.clone())?.expr()
    }

    /// The line, from 1, on which a node starts.
    pub fn line(&self, node: &SyntaxNode) -> usize {
        line_of(&self.text, node.text_range().start().into())
    }
}

/// The Nix files below a directory.
#[derive(Debug, Default)]
pub struct Tree {
    root: PathBuf,
    files: BTreeMap<PathBuf, NixFile>,
    /// How many steps were made for what is being asked.
    steps: std::cell::Cell<usize>,
}

impl Tree {
    /// Reads all `.nix` files below `root`, without hidden directories, and following no link. What cannot be read or
    /// parsed is in the second list, and left out.
    ///
    /// # Errors
    /// When the directory itself cannot be read.
    pub fn read(root: &Path) -> Result<(Self, Vec<Left>)> {
        let root = root.canonicalize().map_err(|e| Error::io("open", root, &e))?;
        std::fs::read_dir(&root).map_err(|e| Error::io("read", &root, &e))?;
        let mut tree = Self { root: root.clone(), ..Self::default() };
        let mut left = Vec::new();
        tree.walk(&root, &mut left);
        Ok((tree, left))
    }

    /// Files that are nowhere on a disk, and none of which can be read there.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of(files: impl IntoIterator<Item = (PathBuf, String)>) -> (Self, Vec<Left>) {
        let (mut tree, mut left) = (Self { root: "/nowhere".into(), ..Self::default() }, Vec::new());
        for (path, text) in files {
            match tree.parsed(path.clone(), text) {
                Ok(file) => drop(tree.files.insert(path, file)),
                Err(why) => left.push(why),
            }
        }
        (tree, left)
    }

    fn walk(&mut self, directory: &Path, left: &mut Vec<Left>) {
        let entries = std::fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut entries: Vec<_> = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(e) => return left.push(self.left(directory, &Error::io("read", directory, &e), None)),
        };
        entries.sort();
        for path in entries {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let is_nix = path.extension().is_some_and(|extension| extension == "nix");
            let found = match std::fs::symlink_metadata(&path) {
                Ok(found) => found,
                Err(_) if hidden => continue,
                Err(e) => {
                    left.push(self.left(&path, &Error::io("read", &path, &e), None));
                    continue;
                }
            };
            match found.file_type() {
                _ if hidden => {}
                kind if kind.is_dir() => self.walk(&path, left),
                kind if kind.is_symlink() && is_nix => left.extend(self.leads_out(&path)),
                kind if kind.is_file() && is_nix => match self.parse(&path) {
                    Ok(file) => drop(self.files.insert(file.path.clone(), file)),
                    Err(why) => left.push(why),
                },
                _ => {}
            }
        }
    }

    /// A link inside of the repository leads to a file that is read anyway.
    fn leads_out(&self, path: &Path) -> Option<Left> {
        let target = path.canonicalize().ok();
        if target.is_some_and(|target| target.starts_with(&self.root)) {
            return None;
        }
        let error = Error::new("it is a link that leads out of the repository, or nowhere").hint("look there by hand");
        Some(self.left(path, &error, None))
    }

    fn parse(&self, path: &Path) -> std::result::Result<NixFile, Left> {
        let bytes = files::read(path, MAX_FILE).map_err(|e| self.left(path, &e, None))?.unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(|_| {
            self.left(path, &Error::new("it is not UTF-8 text").hint("look at it by hand, or convert it"), None)
        })?;
        self.parsed(self.relative(path), text)
    }

    fn parsed(&self, path: PathBuf, text: String) -> std::result::Result<NixFile, Left> {
        NixFile::parse(path.clone(), text).map_err(|line| {
            let error =
                Error::new("it does not parse").hint("correct it: `nix-instantiate --parse` says what is wrong");
            self.left(&path, &error, Some(line))
        })
    }

    fn left(&self, path: &Path, error: &Error, line: Option<usize>) -> Left {
        Left::new(self.relative(path), line, error.message(), error.next_step().unwrap_or("look at it by hand"))
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    /// Begins to count the steps anew.
    pub(super) fn begin(&self) {
        self.steps.set(0);
    }

    /// Counts a step. Returns whether more may follow.
    pub(super) fn goes_on(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        self.steps.get() <= MAX_STEPS
    }

    /// The repository's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = &NixFile> {
        self.files.values()
    }

    /// One file, by its path from the root.
    pub fn file(&self, path: &Path) -> Option<&NixFile> {
        self.files.get(path)
    }

    /// The path from the root of what a path literal in a file means, if that is inside.
    pub fn resolve(&self, from: &NixFile, literal: &str) -> Option<PathBuf> {
        let mut path = from.path.parent().unwrap_or(Path::new("")).to_owned();
        for part in Path::new(literal).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => path.push(name),
                Component::ParentDir if path.pop() => {}
                _ => return None,
            }
        }
        Some(path)
    }

    /// The file that `import` of a path reads: itself, or its `default.nix`.
    pub fn imported(&self, path: &Path) -> Option<&NixFile> {
        self.file(path).or_else(|| self.file(&path.join("default.nix")))
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn place_of_error(error: &rnix::ParseError) -> Option<usize> {
    use rnix::ParseError::{DuplicatedArgs, Unexpected, UnexpectedDoubleBind, UnexpectedExtra, UnexpectedWanted};
    match error {
        Unexpected(range)
        | UnexpectedExtra(range)
        | UnexpectedWanted(_, range, _)
        | UnexpectedDoubleBind(range)
        | DuplicatedArgs(range, _) => Some(range.start().into()),
        _ => None,
    }
}

//! Values that stand in the files in full: names are followed, files imported, nothing is computed.

use super::scope::lookup;
use super::syntax::{applied, name_of, relative_path};
use super::tree::{NixFile, Tree};
use crate::base::files::{self, Beneath};
use rnix::SyntaxNode;
use rnix::ast::{self, Expr, InterpolPart};
use rowan::ast::AstNode;
use std::path::PathBuf;

/// Names that lead to names; more is a circle.
const MAX_NAMES: usize = 64;
const MAX_TEXT: usize = 1024 * 1024;

/// An expression in a file.
#[derive(Clone, Debug)]
pub struct At<'t> {
    /// All files.
    pub tree: &'t Tree,
    /// The one that it is in.
    pub file: &'t NixFile,
    /// The expression.
    pub expr: Expr,
    /// How many names led here.
    names: usize,
}

/// A set whose names can be seen: an attribute set, what `let` defines, or a part of one by a prefix of its paths.
#[derive(Clone, Debug)]
pub struct Set<'t> {
    pub(super) at: At<'t>,
    pub(super) node: SyntaxNode,
    pub(super) prefix: Vec<String>,
}

/// What an expression is, once names have been followed.
#[derive(Clone, Debug)]
pub enum Seen<'t> {
    /// An expression that is no name and no set.
    Expr(At<'t>),
    /// A set.
    Set(Set<'t>),
}

/// What only Nix could know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The file, from the repository's root.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: usize,
    /// Why, as the end of a sentence.
    pub why: String,
}

impl<'t> Set<'t> {
    pub(super) fn new(at: &At<'t>, node: SyntaxNode) -> Self {
        Self { at: at.clone(), node, prefix: Vec::new() }
    }

    /// The file that the set is in, and the set itself where it stands there as one.
    pub fn literal(&self) -> (&'t NixFile, Option<SyntaxNode>) {
        let whole = ast::AttrSet::can_cast(self.node.kind()) && self.prefix.is_empty();
        (self.at.file, whole.then(|| self.node.clone()))
    }
}

impl<'t> At<'t> {
    /// An expression as it stands in its file.
    pub fn new(tree: &'t Tree, file: &'t NixFile, expr: Expr) -> Self {
        Self { tree, file, expr, names: 0 }
    }

    /// Another expression of the same file.
    #[must_use]
    pub fn at(&self, expr: Expr) -> Self {
        Self { expr, ..self.clone() }
    }

    /// The same, to which a name or an import led.
    pub(super) fn named(&self, expr: Expr) -> Self {
        Self { expr, names: self.names + 1, ..self.clone() }
    }

    /// Says of this expression that it cannot be seen.
    pub fn unseen(&self, why: impl Into<String>) -> Unseen {
        Unseen { file: self.file.path.clone(), line: self.file.line(self.expr.syntax()), why: why.into() }
    }

    /// Follows names, `let`, `with`, selections and imports to what stands there.
    ///
    /// # Errors
    /// When that would have to be computed, or comes from elsewhere.
    pub fn head(&self) -> Result<Seen<'t>, Unseen> {
        // What no name led to is asked anew; all that it leads to shares one budget.
        if self.names == 0 {
            self.tree.begin();
        }
        let mut at = self.clone();
        loop {
            let inner = match &at.expr {
                Expr::Paren(paren) => paren.expr(),
                Expr::With(with) => with.body(),
                Expr::LetIn(let_in) => let_in.body(),
                Expr::Assert(assert) => assert.body(),
                _ => return at.reduce(),
            };
            at.expr = inner.ok_or_else(|| at.unseen("it is not complete"))?;
        }
    }

    /// The same for an expression with nothing around it.
    fn reduce(&self) -> Result<Seen<'t>, Unseen> {
        if self.names > MAX_NAMES || !self.tree.goes_on() {
            return Err(self.unseen("it is defined by itself, or by too many names"));
        }
        match &self.expr {
            Expr::Ident(ident) => {
                let name = ident.syntax().text().to_string();
                let inherit = ident.syntax().parent().and_then(ast::Inherit::cast);
                match inherit.and_then(|inherit| inherit.from()?.expr()) {
                    Some(from) => self.named(from).member(&[name]),
                    None => lookup(self, ident.syntax(), &name),
                }
            }
            Expr::Select(select) => self.selected(select),
            Expr::AttrSet(set) => Ok(Seen::Set(Set::new(self, set.syntax().clone()))),
            Expr::Apply(_) => match applied(&self.expr) {
                Some((name, arguments)) if name == "import" && arguments.len() == 1 => {
                    let path = self.named(arguments[0].clone()).path()?;
                    let file = self.tree.imported(&path);
                    let file = file.ok_or_else(|| self.unseen("it imports a file that is not there"))?;
                    let expr = file.expression().ok_or_else(|| self.unseen("it imports an empty file"))?;
                    At { file, ..self.named(expr) }.head()
                }
                _ => Ok(Seen::Expr(self.clone())),
            },
            _ => Ok(Seen::Expr(self.clone())),
        }
    }

    /// A member of what this expression is.
    pub(super) fn member(&self, path: &[String]) -> Result<Seen<'t>, Unseen> {
        let mut seen = self.head()?;
        for name in path {
            seen = match seen {
                Seen::Set(set) => set.get(name)?,
                Seen::Expr(at) => return Err(at.unseen("a function's result")),
            };
        }
        Ok(seen)
    }

    fn selected(&self, select: &ast::Select) -> Result<Seen<'t>, Unseen> {
        let path: Option<Vec<_>> = select.attrpath().and_then(|path| path.attrs().map(|attr| name_of(&attr)).collect());
        let path = path.ok_or_else(|| self.unseen("a name in it is computed"))?;
        let from = select.expr().ok_or_else(|| self.unseen("it is not complete"))?;
        self.named(from).member(&path)
    }

    /// A path from the repository's root.
    ///
    /// # Errors
    /// When it is no path that stands there in full, or leads out of the repository.
    pub fn path(&self) -> Result<PathBuf, Unseen> {
        let Seen::Expr(at) = self.head()? else { return Err(self.unseen("it is not a path")) };
        let own = || at.of_the_flake().map(|rest| PathBuf::from(rest.trim_start_matches('/')));
        let literal = relative_path(&at.expr);
        let path = match literal {
            Some(literal) => at.tree.resolve(at.file, &literal),
            None => own(),
        };
        path.ok_or_else(|| at.unseen("it is not a path in the repository that stands there in full"))
    }

    /// The rest of `"${self}/rest"` and `self + "/rest"`.
    fn of_the_flake(&self) -> Option<String> {
        let is_self = |expr: Option<Expr>| expr.is_some_and(|expr| ["self", "inputs.self"].contains(&&*text_of(&expr)));
        match &self.expr {
            Expr::Str(text) => match text.normalized_parts().as_slice() {
                [InterpolPart::Interpolation(own), InterpolPart::Literal(rest)] if is_self(own.expr()) => {
                    Some(rest.clone())
                }
                _ => None,
            },
            Expr::BinOp(join) if join.operator() == Some(ast::BinOpKind::Add) && is_self(join.lhs()) => {
                self.at(join.rhs()?).text().ok()
            }
            _ => None,
        }
    }

    /// A text: a string with what is put into it, or a file's contents.
    ///
    /// # Errors
    /// When a part of it cannot be seen.
    pub fn text(&self) -> Result<String, Unseen> {
        let Seen::Expr(at) = self.head()? else { return Err(self.unseen("it is a set")) };
        match &at.expr {
            Expr::Str(text) => {
                let mut all = String::new();
                for part in text.normalized_parts() {
                    match part {
                        InterpolPart::Literal(literal) => all += &literal,
                        InterpolPart::Interpolation(put) => {
                            let expr = put.expr().ok_or_else(|| at.unseen("it is not complete"))?;
                            all += &at.at(expr).text()?;
                        }
                    }
                }
                Ok(all)
            }
            Expr::BinOp(join) if join.operator() == Some(ast::BinOpKind::Add) => match (join.lhs(), join.rhs()) {
                (Some(one), Some(two)) => Ok(at.at(one).text()? + &at.at(two).text()?),
                _ => Err(at.unseen("it is not complete")),
            },
            Expr::Apply(_) => match applied(&at.expr) {
                Some((name, arguments)) if is_read(&name) && arguments.len() == 1 => {
                    let path = at.at(arguments[0].clone()).path()?;
                    at.read(&path)
                }
                _ => Err(at.unseen("a function's result")),
            },
            _ => Err(at.unseen("only Nix can say what it is")),
        }
    }

    /// The text of a file in the repository.
    ///
    /// # Errors
    /// When it is not there, too large, or not UTF-8.
    pub fn read(&self, path: &std::path::Path) -> Result<String, Unseen> {
        let root = Beneath::root(self.tree.root());
        let bytes = root.and_then(|root| files::read(&root.join(path), MAX_TEXT)).ok().flatten();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| self.unseen(format!("it reads {}, which is not a text in the repository", path.display())))
    }
}

fn is_read(name: &str) -> bool {
    ["readFile", "fileContents"].contains(&name)
}

fn text_of(expr: &Expr) -> String {
    expr.syntax().text().to_string()
}

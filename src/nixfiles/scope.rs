//! What a name stands for, where it stands.

use super::syntax::name_of;
use super::value::{At, Seen, Set, Unseen};
use rnix::SyntaxNode;
use rnix::ast::{self, HasEntry, Param};
use rowan::ast::AstNode;

/// Looks a name up as Nix does: `let`, `rec` and arguments from the inside outwards, and after them `with`.
pub(super) fn lookup<'t>(at: &At<'t>, from: &SyntaxNode, name: &str) -> Result<Seen<'t>, Unseen> {
    let mut withs = Vec::new();
    let mut child = from.clone();
    while let Some(node) = child.parent() {
        if let Some(set) = names_of(at, &node)
            && set.has(name)
        {
            return set.get(name);
        }
        if let Some(lambda) = ast::Lambda::cast(node.clone())
            && lambda.param().is_some_and(|param| binds(&param, name))
        {
            return Err(at.unseen("it is an argument"));
        }
        if let Some(with) = ast::With::cast(node.clone())
            && with.body().is_some_and(|body| body.syntax() == &child)
        {
            withs.extend(with.namespace());
        }
        child = node;
    }
    for namespace in withs {
        match at.named(namespace).head()? {
            Seen::Set(set) if set.has(name) => return set.get(name),
            Seen::Set(_) => {}
            Seen::Expr(_) => return Err(at.unseen("it comes from a `with`")),
        }
    }
    Err(at.unseen("its name is not defined here"))
}

/// The names that a node brings into scope.
fn names_of<'t>(at: &At<'t>, node: &SyntaxNode) -> Option<Set<'t>> {
    let is_rec = || ast::AttrSet::cast(node.clone()).is_some_and(|set| set.rec_token().is_some());
    (ast::LetIn::can_cast(node.kind()) || is_rec()).then(|| Set::new(at, node.clone()))
}

fn binds(param: &Param, name: &str) -> bool {
    let is = |ident: Option<ast::Ident>| ident.is_some_and(|ident| ident.syntax().text() == name);
    match param {
        Param::IdentParam(param) => is(param.ident()),
        Param::Pattern(pattern) => {
            pattern.pat_entries().any(|entry| is(entry.ident()))
                || pattern.pat_bind().is_some_and(|bind| is(bind.ident()))
        }
    }
}

impl<'t> Set<'t> {
    /// Whether a name is in the set.
    pub fn has(&self, name: &str) -> bool {
        self.entries().any(|entry| match entry {
            ast::Entry::AttrpathValue(binding) => self.below(&binding).is_some_and(|path| path[0] == name),
            ast::Entry::Inherit(inherit) => self.inherits(&inherit, name),
        })
    }

    /// What a name in the set stands for.
    ///
    /// # Errors
    /// When it is not there, or cannot be seen.
    pub fn get(&self, name: &str) -> Result<Seen<'t>, Unseen> {
        for entry in self.entries() {
            match entry {
                ast::Entry::AttrpathValue(binding) => match self.below(&binding).as_deref() {
                    Some([only]) if only == name => {
                        let value = binding.value().ok_or_else(|| self.at.unseen("it has no value"))?;
                        return self.at.named(value).head();
                    }
                    Some([first, _, ..]) if first == name => {
                        let prefix = self.prefix.iter().cloned().chain([first.clone()]).collect();
                        return Ok(Seen::Set(Self { prefix, ..self.clone() }));
                    }
                    _ => {}
                },
                ast::Entry::Inherit(inherit) if self.inherits(&inherit, name) => {
                    return match inherit.from().and_then(|from| from.expr()) {
                        Some(from) => self.at.named(from).member(&[name.to_owned()]),
                        None => lookup(&self.at.named(self.at.expr.clone()), &self.node, name),
                    };
                }
                ast::Entry::Inherit(_) => {}
            }
        }
        Err(self.at.unseen("it is not defined there"))
    }

    /// The names in the set that stand there in full.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in self.entries() {
            match entry {
                ast::Entry::AttrpathValue(binding) => names.extend(self.below(&binding).map(|path| path[0].clone())),
                ast::Entry::Inherit(inherit) if self.prefix.is_empty() => {
                    names.extend(inherit.attrs().filter_map(|attr| name_of(&attr)));
                }
                ast::Entry::Inherit(_) => {}
            }
        }
        names.dedup();
        names
    }

    fn entries(&self) -> impl Iterator<Item = ast::Entry> + use<'t> {
        let of_let = ast::LetIn::cast(self.node.clone()).map(|node| node.entries());
        let of_set = ast::AttrSet::cast(self.node.clone()).map(|node| node.entries());
        of_let.into_iter().flatten().chain(of_set.into_iter().flatten())
    }

    /// A binding's path below this set; `None` when it is elsewhere.
    fn below(&self, binding: &ast::AttrpathValue) -> Option<Vec<String>> {
        let path: Option<Vec<_>> = binding.attrpath()?.attrs().map(|attr| name_of(&attr)).collect();
        let rest = path?.strip_prefix(self.prefix.as_slice())?.to_vec();
        (!rest.is_empty()).then_some(rest)
    }

    fn inherits(&self, inherit: &ast::Inherit, name: &str) -> bool {
        self.prefix.is_empty() && inherit.attrs().any(|attr| name_of(&attr).as_deref() == Some(name))
    }
}

//! Where a binding stands: the whole path of the option that it sets, and under which conditions.

use super::syntax::{applied, inside, name_of, range};
use rnix::SyntaxNode;
use rnix::ast::{self, Attr, BinOpKind, Expr};
use rowan::ast::AstNode;
use std::ops::Range;

/// One step of an option's path.
#[derive(Clone, Debug)]
pub enum Part {
    /// A name that stands there.
    Name(String),
    /// One that is computed.
    Computed(Attr),
}

impl Part {
    /// The name, if it stands there.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Computed(_) => None,
        }
    }

    fn of(attr: Attr) -> Self {
        name_of(&attr).map_or(Self::Computed(attr), Self::Name)
    }
}

/// What is around a definition.
#[derive(Clone, Debug)]
pub enum Wrap {
    /// It counts only where this holds, or does not hold.
    If(Expr, bool),
    /// It counts only beside others of this priority (`mkForce` is 50, none 100).
    Priority(u32),
}

/// The place of a binding.
#[derive(Clone, Debug)]
pub struct Place {
    /// The option's path, from the module's top.
    pub path: Vec<Part>,
    /// What is around it, the innermost first.
    pub wraps: Vec<Wrap>,
    /// The outermost set literal that it is in without anything between: in there a path is defined once only.
    pub anchor: Range<usize>,
    /// Why the path may not be the whole one.
    pub broken: Option<&'static str>,
}

/// Climbs from a binding (`a.b = …;` or `inherit …;`) to the top of its module.
pub fn place_of(binding: &SyntaxNode) -> Place {
    let mut place = Place { path: Vec::new(), wraps: Vec::new(), anchor: range(binding), broken: None };
    place.take_path(binding);
    let mut direct = true;
    let mut node = binding.clone();
    while let Some(above) = node.parent() {
        if place.step(&node, &above, &mut direct) {
            break;
        }
        node = above;
    }
    place
}

impl Place {
    fn take_path(&mut self, binding: &SyntaxNode) {
        let Some(binding) = ast::AttrpathValue::cast(binding.clone()) else { return };
        let above: Vec<_> = super::syntax::binding_path(&binding).into_iter().map(Part::of).collect();
        self.path.splice(0..0, above);
    }

    fn breaks(&mut self, why: &'static str) -> bool {
        self.broken = Some(why);
        true
    }

    /// One step up; true at the top.
    fn step(&mut self, node: &SyntaxNode, above: &SyntaxNode, direct: &mut bool) -> bool {
        let Some(expr) = Expr::cast(above.clone()) else {
            if ast::AttrpathValue::can_cast(above.kind()) {
                let import = ["imports", "modules"].map(Some).contains(&last_name(above).as_deref());
                if import && ast::List::can_cast(node.kind()) {
                    return true;
                }
                self.take_path(above);
            }
            return false;
        };
        match expr {
            Expr::AttrSet(set) => {
                if *direct {
                    self.anchor = range(set.syntax());
                }
                return false;
            }
            Expr::Paren(_) | Expr::With(_) | Expr::Assert(_) | Expr::Root(_) => {}
            Expr::LetIn(let_in) => {
                if let_in.body().is_none_or(|body| body.syntax() != node) {
                    return self.breaks("a name stands for it");
                }
            }
            Expr::List(_) | Expr::Lambda(_) => {
                *direct = false;
                return self.of_function(node, above);
            }
            Expr::IfElse(choice) => {
                let Some(condition) = choice.condition() else { return self.breaks("it is not complete") };
                self.wraps.push(Wrap::If(condition, choice.body().is_some_and(|body| body.syntax() == node)));
            }
            Expr::Apply(apply) => {
                *direct = false;
                return self.applied(node, &apply);
            }
            Expr::BinOp(join) if join.operator() == Some(BinOpKind::Concat) => {}
            _ => return self.breaks("it is joined with something else"),
        }
        *direct = false;
        false
    }

    /// In a list, or in a function's body.
    fn of_function(&mut self, node: &SyntaxNode, above: &SyntaxNode) -> bool {
        if ast::List::can_cast(above.kind()) && ast::AttrSet::can_cast(inner(node).kind()) {
            return false;
        }
        let outer = std::iter::successors(above.parent(), SyntaxNode::parent)
            .find(|node| !(ast::Paren::can_cast(node.kind()) || ast::LetIn::can_cast(node.kind())));
        match outer {
            Some(outer) if ast::Apply::can_cast(outer.kind()) && ast::Lambda::can_cast(above.kind()) => {
                self.breaks("a function makes it")
            }
            _ => false,
        }
    }

    /// As what a function is given.
    fn applied(&mut self, node: &SyntaxNode, apply: &ast::Apply) -> bool {
        let is_argument = apply.argument().is_some_and(|argument| argument.syntax() == node);
        let Some((name, arguments)) = applied(&Expr::Apply(apply.clone())).filter(|_| is_argument) else {
            return self.breaks("a function makes it");
        };
        match (name.as_str(), arguments.as_slice()) {
            ("mkIf", [condition, _]) => self.wraps.push(Wrap::If(condition.clone(), true)),
            ("mkForce", [_]) => self.wraps.push(Wrap::Priority(50)),
            ("mkDefault", [_]) => self.wraps.push(Wrap::Priority(1000)),
            ("mkMerge" | "mkBefore" | "mkAfter", [_]) => {}
            _ => return self.breaks("it is given to a function"),
        }
        false
    }
}

fn inner(node: &SyntaxNode) -> SyntaxNode {
    Expr::cast(node.clone()).map_or_else(|| node.clone(), |expr| inside(expr).syntax().clone())
}

fn last_name(binding: &SyntaxNode) -> Option<String> {
    let path = super::syntax::binding_path(&ast::AttrpathValue::cast(binding.clone())?);
    name_of(path.last()?)
}

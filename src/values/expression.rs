//! Expressions over variables, taken apart: a part of what C and GDB know.
//!
//! | expression                   | means                                                      |
//! | `name`, `ns::name`           | a variable of static storage duration                      |
//! | `'file.c'::name`             | the one of that source file                                |
//! | `.member`, `->member`        | a member; both work on structures and pointers to them     |
//! | `[index]`                    | an element of an array, or behind a pointer                |
//! | `*e`, `&e`                   | what the pointer points to; where the variable is          |
//! | `(type)e`, `(type *)e`       | the same bits as another type; `e` may be a number as well |

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

/// Longer expressions are refused.
const MOST_STEPS: usize = 64;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Name(String),
    Number(u64),
    Member(Box<Expr>, String),
    Index(Box<Expr>, i64),
    Dereference(Box<Expr>),
    AddressOf(Box<Expr>),
    Cast(TypeName, Box<Expr>),
}

/// A type by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeName {
    /// Without `struct`, `union`, `enum`, `const`.
    pub name: String,
    /// How often it is pointed to.
    pub stars: usize,
}

/// Takes an expression apart.
///
/// # Errors
/// Why it is none, in words.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { rest: text.trim(), steps: 0 };
    let expr = parser.unary()?;
    match parser.rest.trim_start() {
        "" => Ok(expr),
        rest => Err(format!(
            "'{rest}' is not understood; known are .member ->member [index] * & (type)"
        )),
    }
}

struct Parser<'x> {
    rest: &'x str,
    steps: usize,
}

impl<'x> Parser<'x> {
    fn eat(&mut self, what: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        match self.steps > MOST_STEPS {
            true => Err(format!("more than {MOST_STEPS} steps")),
            false => Ok(()),
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        self.step()?;
        if self.eat("*") {
            return Ok(Expr::Dereference(Box::new(self.unary()?)));
        }
        if self.eat("&") {
            return Ok(Expr::AddressOf(Box::new(self.unary()?)));
        }
        if let Some((name, rest)) = self.cast() {
            self.rest = rest;
            return Ok(Expr::Cast(name, Box::new(self.unary()?)));
        }
        self.postfix()
    }

    /// `(type)` before something that a type can stand before.
    fn cast(&self) -> Option<(TypeName, &'x str)> {
        let (inside, rest) = self.rest.trim_start().strip_prefix('(')?.split_once(')')?;
        let next = rest.trim_start().chars().next()?;
        let starts = next.is_alphanumeric() || matches!(next, '_' | '$' | '(' | '*' | '&' | '\'');
        let inside = inside.trim();
        let stars =
            inside.bytes().rev().take_while(|b| matches!(b, b'*' | b' ')).filter(|b| *b == b'*');
        let stars = stars.count();
        let words = inside.trim_end_matches(['*', ' ']);
        let is_name = |c: char| c.is_alphanumeric() || " _:<>,&".contains(c);
        if !starts || words.is_empty() || !words.chars().all(is_name) {
            return None;
        }
        let keyword = |word: &&str| {
            !matches!(*word, "struct" | "union" | "enum" | "class" | "const" | "volatile")
        };
        let name = words.split_whitespace().filter(keyword).collect::<Vec<_>>().join(" ");
        Some((TypeName { name, stars }, rest))
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.eat("->") || self.eat(".") {
                self.step()?;
                let member = self.word(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
                if member.is_empty() {
                    return Err(format!("a member's name is missing before '{}'", self.rest));
                }
                expr = Expr::Member(Box::new(expr), member.to_string());
            } else if self.eat("[") {
                self.step()?;
                let (index, rest) = self.rest.split_once(']').ok_or("a ']' is missing")?;
                let index = number(index.trim()).ok_or("an index is a number")?;
                self.rest = rest;
                expr = Expr::Index(Box::new(expr), index);
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        if self.eat("(") {
            let inner = self.unary()?;
            return match self.eat(")") {
                true => Ok(inner),
                false => Err("a ')' is missing".into()),
            };
        }
        self.rest = self.rest.trim_start();
        let file = match self.rest.strip_prefix('\'') {
            Some(rest) => {
                let (file, rest) = rest.split_once("'::").ok_or("'file.c' stands before ::name")?;
                self.rest = rest;
                format!("{file}::")
            }
            None => String::new(),
        };
        let name = self.word(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'));
        if name.is_empty() {
            return Err("it should begin with the name of a variable".into());
        }
        if file.is_empty() && name.starts_with(|c: char| c.is_ascii_digit()) {
            let number = number(name).ok_or_else(|| format!("'{name}' is no number"))?;
            return Ok(Expr::Number(number as u64));
        }
        Ok(Expr::Name(file + name))
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'x str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|n| n as i64),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(of: Expr, name: &str) -> Expr {
        Expr::Member(Box::new(of), name.into())
    }

    #[test]
    fn expressions_are_taken_apart() {
        let nodes = Expr::Index(Box::new(Expr::Name("g_nodes".into())), 1);
        let id = member(member(nodes, "next"), "id");
        let whole = Expr::Dereference(Box::new(id));
        assert_eq!(parse(" *g_nodes[0x1].next->id"), Ok(whole));
        assert_eq!(parse("app::QUEUE"), Ok(Expr::Name("app::QUEUE".into())));
        assert_eq!(parse("'main.c'::count"), Ok(Expr::Name("main.c::count".into())));
        let cast =
            |name: &str, stars, of| Expr::Cast(TypeName { name: name.into(), stars }, Box::new(of));
        let node = cast("node", 1, Expr::Number(0x2000_0000));
        assert_eq!(parse("((struct node *)0x20000000)->id"), Ok(member(node.clone(), "id")));
        assert_eq!(parse("*(struct node*)0x20000000"), Ok(Expr::Dereference(Box::new(node))));
        let int = cast("unsigned int", 0, Expr::Name("x".into()));
        assert_eq!(parse("(unsigned int) x"), Ok(int));
        assert_eq!(parse("(x)[2]"), Ok(Expr::Index(Box::new(Expr::Name("x".into())), 2)));
    }

    #[test]
    fn wrong_expressions_say_what_is_wrong() {
        for (text, why) in [
            ("", "begin with the name"),
            ("a.", "member's name is missing"),
            ("a[1", "']' is missing"),
            ("a[x]", "an index is a number"),
            ("a + 1", "'+ 1' is not understood"),
            ("(a", "')' is missing"),
            ("12z", "is no number"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(parse(&"*".repeat(100)).is_err());
    }
}

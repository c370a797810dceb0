//! Builds the tree of a template from its pieces.
//!
//! In: pieces of `lex`. Out: a list of nodes. Knows the grammar of Go's text/template without `define`, `block`
//! and `template`, which Docker's formats have no use for.

use serde_json::Value;

use crate::error::TemplateError;
use crate::lex::{Kind, Piece, Token};
use crate::{Functions, function};

/// How deep `if`, `range`, `with` and parentheses may nest: far beyond what people write, far below the stack's end.
pub(crate) const MAX_DEPTH: usize = 64;

/// One node of the template's tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Output(Pipeline),
    If { test: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    With { value: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    Range { items: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
    Break,
    Continue,
}

/// Commands joined by `|`; the value of each is the last argument of the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) variables: Vec<String>,
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Vec<Operand>>,
}

/// One word of a command, and the fields taken from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    pub(crate) base: Base,
    pub(crate) path: Vec<String>,
}

/// What an operand starts from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Base {
    Dot,
    Variable(String),
    Literal(Value),
    Function(String),
    Group(Box<Pipeline>),
}

/// Builds the tree.
pub(crate) fn tree(pieces: Vec<Piece>, functions: &dyn Functions) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser { pieces: pieces.into_iter(), functions };
    match parser.list(0)? {
        (nodes, None) => Ok(nodes),
        (_, Some(stop)) => Err(TemplateError::Misplaced { word: stop.word.to_owned() }),
    }
}

struct Parser<'f> {
    pieces: std::vec::IntoIter<Piece>,
    functions: &'f dyn Functions,
}

/// The action that ended a list: `end` or `else`, and what follows `else`.
struct Stop {
    word: &'static str,
    rest: Vec<Token>,
}

impl Parser<'_> {
    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, Option<Stop>), TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::TooDeep { limit: MAX_DEPTH });
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) => nodes.push(Node::Text(text)),
                Piece::Action { tokens, at } => match leading_word(&tokens) {
                    Some("end") => return Ok((nodes, Some(Stop { word: "end", rest: Vec::new() }))),
                    Some("else") => {
                        return Ok((nodes, Some(Stop { word: "else", rest: tokens[1..].to_vec() })));
                    }
                    Some("break") => nodes.push(Node::Break),
                    Some("continue") => nodes.push(Node::Continue),
                    Some(word @ ("define" | "block" | "template")) => {
                        return Err(TemplateError::Misplaced { word: word.to_owned() });
                    }
                    Some(word @ ("if" | "with" | "range")) => {
                        let word = block_word(word);
                        nodes.push(self.block(word, &tokens[1..], at, depth)?);
                    }
                    _ => nodes.push(Node::Output(self.whole(&tokens, at, depth)?)),
                },
            }
        }
        Ok((nodes, None))
    }

    fn block(
        &mut self,
        word: &'static str,
        head: &[Token],
        at: usize,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let head = self.whole(head, at, depth)?;
        let (body, stop) = self.list(depth + 1)?;
        let otherwise = match stop {
            None => return Err(TemplateError::MissingEnd { word }),
            Some(Stop { word: "end", .. }) => Vec::new(),
            Some(Stop { rest, .. }) if rest.is_empty() => match self.list(depth + 1)? {
                (nodes, Some(Stop { word: "end", .. })) => nodes,
                (_, Some(stop)) => return Err(TemplateError::Misplaced { word: stop.word.to_owned() }),
                (_, None) => return Err(TemplateError::MissingEnd { word }),
            },
            // `else if X` and `else with X` share the `end` of the outer block.
            Some(Stop { rest, .. }) => match leading_word(&rest) {
                Some(again @ ("if" | "with")) => {
                    vec![self.block(block_word(again), &rest[1..], at, depth + 1)?]
                }
                _ => {
                    return Err(TemplateError::Expected {
                        expected: "'}}', 'if' or 'with' after 'else'",
                        at,
                    });
                }
            },
        };
        Ok(match word {
            "if" => Node::If { test: head, then: body, otherwise },
            "with" => Node::With { value: head, then: body, otherwise },
            _ => Node::Range { items: head, body, otherwise },
        })
    }

    /// Reads all of `tokens` as one pipeline.
    fn whole(&self, tokens: &[Token], at: usize, depth: usize) -> Result<Pipeline, TemplateError> {
        let mut cursor = Cursor { tokens, next: 0, at, functions: self.functions };
        let pipeline = cursor.pipeline(depth)?;
        match cursor.peek() {
            None => Ok(pipeline),
            Some(token) => Err(TemplateError::Expected { expected: "'}}'", at: token.at }),
        }
    }
}

fn block_word(word: &str) -> &'static str {
    match word {
        "if" => "if",
        "with" => "with",
        _ => "range",
    }
}

fn leading_word(tokens: &[Token]) -> Option<&str> {
    match tokens.first().map(|t| &t.kind) {
        Some(Kind::Word(word)) => Some(word),
        _ => None,
    }
}

struct Cursor<'a> {
    tokens: &'a [Token],
    next: usize,
    at: usize,
    functions: &'a dyn Functions,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    fn pipeline(&mut self, depth: usize) -> Result<Pipeline, TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::TooDeep { limit: MAX_DEPTH });
        }
        let (variables, assigns) = self.declaration();
        let mut commands = vec![self.command(depth)?];
        while matches!(self.peek(), Some(Token { kind: Kind::Pipe, .. })) {
            self.next += 1;
            commands.push(self.command(depth)?);
        }
        Ok(Pipeline { variables, assigns, commands })
    }

    /// `$x :=`, `$x =` or `$i, $x :=`; consumes nothing if there is none.
    fn declaration(&mut self) -> (Vec<String>, bool) {
        let kinds: Vec<&Kind> = self.tokens[self.next..].iter().take(4).map(|t| &t.kind).collect();
        match kinds[..] {
            [Kind::Variable(name), sign @ (Kind::Declare | Kind::Assign), ..] => {
                self.next += 2;
                (vec![name.clone()], *sign == Kind::Assign)
            }
            [Kind::Variable(key), Kind::Comma, Kind::Variable(item), Kind::Declare] => {
                self.next += 4;
                (vec![key.clone(), item.clone()], false)
            }
            _ => (Vec::new(), false),
        }
    }

    fn command(&mut self, depth: usize) -> Result<Vec<Operand>, TemplateError> {
        let mut operands = Vec::new();
        while let Some(token) = self.peek() {
            if matches!(token.kind, Kind::Pipe | Kind::Close) {
                break;
            }
            operands.push(self.operand(depth)?);
        }
        if operands.is_empty() {
            return Err(TemplateError::Expected { expected: "a value or a function", at: self.at });
        }
        Ok(operands)
    }

    fn operand(&mut self, depth: usize) -> Result<Operand, TemplateError> {
        let Some(token) = self.peek() else {
            return Err(TemplateError::Expected { expected: "a value", at: self.at });
        };
        self.next += 1;
        let mut path = Vec::new();
        let base = match &token.kind {
            Kind::Dot => Base::Dot,
            Kind::Field(name) => {
                path.push(name.clone());
                Base::Dot
            }
            Kind::Variable(name) => Base::Variable(name.clone()),
            Kind::Text(text) => Base::Literal(Value::String(text.clone())),
            Kind::Number(number) => Base::Literal(Value::Number(number.clone())),
            Kind::Word(word) => self.named(word, token.at)?,
            Kind::Open => {
                let inner = self.pipeline(depth + 1)?;
                match self.peek() {
                    Some(Token { kind: Kind::Close, .. }) => self.next += 1,
                    _ => return Err(TemplateError::Expected { expected: "')'", at: token.at }),
                }
                Base::Group(Box::new(inner))
            }
            Kind::Pipe | Kind::Close | Kind::Declare | Kind::Assign | Kind::Comma => {
                return Err(TemplateError::Expected { expected: "a value", at: token.at });
            }
        };
        while let Some(Token { kind: Kind::Field(name), spaced: false, .. }) = self.peek() {
            path.push(name.clone());
            self.next += 1;
        }
        Ok(Operand { base, path })
    }

    fn named(&self, word: &str, at: usize) -> Result<Base, TemplateError> {
        match word {
            "true" => Ok(Base::Literal(Value::Bool(true))),
            "false" => Ok(Base::Literal(Value::Bool(false))),
            "nil" => Ok(Base::Literal(Value::Null)),
            name if function::exists(name) || self.functions.has(name) => Ok(Base::Function(name.to_owned())),
            name => Err(TemplateError::UnknownFunction { name: name.to_owned(), at }),
        }
    }
}

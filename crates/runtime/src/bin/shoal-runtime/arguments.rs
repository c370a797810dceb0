//! The command line, read by hand: this program is small because it has no parser of its own.

use std::path::PathBuf;

use crate::verb::Failure;

const DEFAULT_ROOT: &str = "/run/shoal-runtime";
const VERBS: [&str; 6] = ["create", "start", "state", "kill", "delete", "run"];

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) root: PathBuf,
    pub(crate) bundle: PathBuf,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) force: bool,
    pub(crate) all: bool,
    pub(crate) verb: String,
    pub(crate) id: String,
    /// Of `kill`.
    pub(crate) signal: Option<String>,
}

impl Arguments {
    /// Reads `[--root DIR] VERB [--bundle DIR] [--pid-file FILE] [--force] [--all] ID [SIGNAL]`.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, Failure> {
        let mut arguments = Arguments {
            root: DEFAULT_ROOT.into(),
            bundle: ".".into(),
            pid_file: None,
            force: false,
            all: false,
            verb: String::new(),
            id: String::new(),
            signal: None,
        };
        let mut plain = Vec::new();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                plain.push(word);
                continue;
            }
            let (name, mut value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let mut needed = || {
                value
                    .take()
                    .or_else(|| words.next())
                    .ok_or_else(|| Failure::Usage(format!("{name} needs a value")))
            };
            match name.as_str() {
                "--root" => arguments.root = needed()?.into(),
                "--bundle" | "-b" => arguments.bundle = needed()?.into(),
                "--pid-file" => arguments.pid_file = Some(needed()?.into()),
                "--force" | "-f" => arguments.force = true,
                "--all" | "-a" => arguments.all = true,
                other => return Err(Failure::Usage(format!("option {other} is not implemented"))),
            }
        }
        let mut plain = plain.into_iter();
        let Some(verb) = plain.next() else {
            return Err(Failure::Usage(format!("one of {} is missing", VERBS.join(", "))));
        };
        if !VERBS.contains(&verb.as_str()) {
            return Err(Failure::Usage(format!("{verb} is not implemented")));
        }
        let id = plain.next().unwrap_or_default();
        let valid = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
        if id.is_empty() || id.starts_with('.') || !id.chars().all(valid) {
            return Err(Failure::Usage(format!(
                "{id:?} is not a container id: letters, digits, _, +, - and ."
            )));
        }
        arguments.verb = verb;
        arguments.id = id;
        arguments.signal = plain.next();
        match plain.next() {
            Some(extra) => Err(Failure::Usage(format!("{extra:?} is one argument too many"))),
            None => Ok(arguments),
        }
    }
}

//! The command line, read by tables: this program is small because it has no parser of its own size.
//!
//! `--name value`, `--name=value`, `-n value`; `--` ends the options. Pure.

use std::fmt::Write;

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// An option.
#[derive(Debug)]
pub(crate) struct Flag {
    /// As they are written; the first is its name in the program.
    pub(crate) names: &'static [&'static str],
    /// What its value is called; none: it is there or not.
    pub(crate) value: Option<&'static str>,
    pub(crate) about: &'static str,
}

/// One that is there or not.
pub(crate) const fn switch(names: &'static [&'static str], about: &'static str) -> Flag {
    Flag { names, value: None, about }
}

/// One with a value.
pub(crate) const fn option(names: &'static [&'static str], value: &'static str, about: &'static str) -> Flag {
    Flag { names, value: Some(value), about }
}

/// A command.
#[derive(Debug)]
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    /// What follows the options.
    pub(crate) usage: &'static str,
    pub(crate) about: &'static str,
    pub(crate) flags: &'static [Flag],
    /// Fewest and most words.
    pub(crate) words: (usize, usize),
    /// Options end at the first or the second word: what follows belongs to somebody else.
    pub(crate) options_end_after: usize,
    /// Gives the exit code.
    pub(crate) run: fn(&Global, &Words) -> Outcome<u8>,
}

/// What a command was given.
#[derive(Debug, Default)]
pub(crate) struct Words {
    given: Vec<(&'static str, String)>,
    /// What is no option.
    pub(crate) plain: Vec<String>,
}

impl Words {
    /// Reads `words` by a table. After `limit` plain words everything is plain.
    pub(crate) fn read(
        words: &mut dyn Iterator<Item = String>,
        table: &'static [Flag],
        limit: usize,
    ) -> Outcome<Words> {
        let mut read = Words::default();
        while read.plain.len() < limit {
            let Some(word) = words.next() else {
                return Ok(read);
            };
            if word == "--" {
                break;
            }
            if !word.starts_with('-') || word == "-" {
                read.plain.push(word);
                continue;
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let Some(flag) = table.iter().find(|flag| flag.names.contains(&name)) else {
                return Err(Failure::Usage(format!("flag provided but not defined: {name}")));
            };
            let value = match (flag.value, value) {
                (None, None) => "true".to_owned(),
                (None, Some(value)) if matches!(value.as_str(), "true" | "false") => value,
                (None, Some(value)) => {
                    return Err(Failure::Usage(format!("{name} is true or false, not {value:?}")));
                }
                (Some(_), Some(value)) => value,
                (Some(_), None) => {
                    words.next().ok_or_else(|| Failure::Usage(format!("flag needs an argument: {name}")))?
                }
            };
            read.given.push((flag.names[0], value));
        }
        read.plain.extend(words);
        Ok(read)
    }

    /// The last value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// All values of an option that may be repeated.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    /// A number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Outcome<Option<T>> {
        let parse = |value: &str| {
            value.parse().map_err(|_| Failure::Usage(format!("{name} is a number, not {value:?}")))
        };
        self.value(name).map(parse).transpose()
    }
}

/// Checks how many words there are.
pub(crate) fn check_count(verb: &Verb, words: &Words) -> Outcome<()> {
    let (fewest, most) = verb.words;
    if (fewest..=most).contains(&words.plain.len()) {
        return Ok(());
    }
    let name = verb.name;
    let usage = verb.usage;
    Err(Failure::Usage(format!("{name} takes {usage}; see shoal-runtime {name} --help")))
}

/// What `--help` shows.
pub(crate) fn help(usage: &str, about: &str, flags: &[Flag]) -> String {
    let mut text = format!("{about}\n\nUsage: shoal-runtime {usage}\n\nOptions:\n");
    for flag in flags {
        let names = flag.names.join(", ");
        let names = flag.value.map_or(names.clone(), |value| format!("{names} {value}"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {names:<34} {}", flag.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Flag] =
        &[switch(&["--all", "-a"], "everything"), option(&["--bundle", "-b"], "DIR", "where")];

    fn read(line: &str, limit: usize) -> Outcome<Words> {
        Words::read(&mut line.split(' ').map(str::to_owned), TABLE, limit)
    }

    #[test]
    fn options_are_found_between_words() {
        let words = read("one -a --bundle=/x two -b /y", usize::MAX).unwrap();
        assert_eq!(words.plain, ["one", "two"]);
        assert!(words.has("--all"));
        assert_eq!(words.value("--bundle"), Some("/y"));
        assert_eq!(words.values("--bundle").collect::<Vec<_>>(), ["/x", "/y"]);
        assert!(!read("--all=false", usize::MAX).unwrap().has("--all"));
    }

    #[test]
    fn what_belongs_to_somebody_else_is_left_alone() {
        assert_eq!(read("-a id ls -a --bundle", 1).unwrap().plain, ["id", "ls", "-a", "--bundle"]);
        assert_eq!(read("-- -a", usize::MAX).unwrap().plain, ["-a"]);
        assert_eq!(read("-", usize::MAX).unwrap().plain, ["-"]);
    }

    #[test]
    fn what_is_unknown_or_lacks_its_value_is_refused() {
        for line in ["--nosuch", "-b", "--all=maybe"] {
            assert!(read(line, usize::MAX).is_err(), "{line}");
        }
    }
}

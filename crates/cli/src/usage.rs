//! Makes clap read and speak as Docker's client does.
//!
//! In: the command tree; errors of clap. Out: the tree with Docker's flag rules; Docker's sentences and exit codes.

use clap::builder::{Styles, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::error::code;
use crate::flag::switch;

/// Gives a command and all beneath it Docker's rules: `--flag=false`, `--memory-swap -1`, the last of two wins, `-h` is
/// no help.
pub(crate) fn docker_style(command: Command) -> Command {
    let help = Arg::new("help").long("help").help("Print usage").action(ArgAction::Help);
    let has_subcommands = command.has_subcommands();
    let mut command = command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
        .styles(Styles::plain())
        .mut_args(flag)
        .arg(help);
    if has_subcommands {
        command = command.mut_subcommands(docker_style).arg_required_else_help(true);
    }
    command
}

fn flag(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => {
            let parser = ValueParser::from(switch::parse as fn(&str) -> _);
            let arg =
                arg.action(ArgAction::Set).num_args(0..=1).require_equals(true).hide_possible_values(true);
            arg.value_parser(parser)
                .default_missing_value("true")
                .default_value("false")
                .hide_default_value(true)
                .value_name("bool")
        }
        ArgAction::Set | ArgAction::Append if !arg.is_positional() => arg.allow_hyphen_values(true),
        _ => arg,
    }
}

/// What the user reads instead of clap's words, and the exit code.
pub(crate) struct Complaint {
    pub(crate) text: String,
    pub(crate) code: u8,
    /// Help that was asked for goes to standard output.
    pub(crate) to_stdout: bool,
}

/// Puts an error of clap in Docker's words. `args` are the program's arguments without its name.
pub(crate) fn complaint(error: &clap::Error, root: &Command, args: &[String]) -> Complaint {
    let (path, leaf) = leaf(root, args);
    let name = path.join(" ");
    let hint = |text: String, code| Complaint {
        text: format!("{text}\n\nUsage:  {}\n\nRun '{name} --help' for more information", line(leaf)),
        code,
        to_stdout: false,
    };
    let invalid = context(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand => {
            let text = crate::help::text(leaf, &name);
            Complaint { text: text.trim_end().to_owned(), code: 0, to_stdout: true }
        }
        ErrorKind::InvalidSubcommand => {
            unknown_command(&context(error, ContextKind::InvalidSubcommand), &path)
        }
        ErrorKind::UnknownArgument if leaf.has_subcommands() && !invalid.starts_with('-') => {
            unknown_command(&invalid, &path)
        }
        ErrorKind::UnknownArgument => hint(
            unknown_argument(&invalid, &name, leaf),
            if invalid.starts_with('-') { code::RUN } else { code::FAILURE },
        ),
        ErrorKind::MissingRequiredArgument if invalid.starts_with("--") => {
            let flag = invalid.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default();
            hint(format!("required flag(s) \"{flag}\" not set"), code::FAILURE)
        }
        ErrorKind::MissingRequiredArgument | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            hint(format!("shoal: '{name}' {}", wanted(leaf)), code::FAILURE)
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::NoEquals => {
            let value = context(error, ContextKind::InvalidValue);
            let flag = flag_name(leaf, &invalid).unwrap_or(invalid);
            if value.is_empty() && error.kind() == ErrorKind::InvalidValue {
                return hint(format!("flag needs an argument: {flag}"), code::RUN);
            }
            let reason = std::error::Error::source(error).map_or_else(String::new, reason);
            hint(format!("invalid argument \"{value}\" for \"{flag}\" flag: {reason}"), code::RUN)
        }
        _ => hint(
            error
                .render()
                .to_string()
                .trim_start_matches("error: ")
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            code::RUN,
        ),
    }
}

/// Why a value is wrong; for numbers, which clap reads itself, in words of ours.
fn reason(source: &(dyn std::error::Error + 'static)) -> String {
    if source.is::<std::num::ParseFloatError>() {
        return "a number is expected, such as 0.5".to_owned();
    }
    let text = source.to_string();
    match text.as_str() {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "a whole number is expected, such as 10".to_owned()
        }
        _ => text,
    }
}

fn unknown_command(word: &str, path: &[String]) -> Complaint {
    let full = path[1..].iter().map(String::as_str).chain([word]).collect::<Vec<_>>().join(" ");
    let text = format!("shoal: '{full}' is not a shoal command.\nSee '{} --help'", path.join(" "));
    Complaint { text, code: code::FAILURE, to_stdout: false }
}

/// The sentence for a flag or an argument that is not known.
fn unknown_argument(word: &str, name: &str, leaf: &Command) -> String {
    match word.strip_prefix('-') {
        Some(long) if long.starts_with('-') => {
            format!("unknown flag: {}", word.split('=').next().unwrap_or(word))
        }
        Some(short) => {
            format!("unknown shorthand flag: '{}' in -{short}", short.chars().next().unwrap_or(' '))
        }
        None => format!("shoal: '{name}' {}", wanted(leaf)),
    }
}

/// For verbs whose arguments after the first are free: the complaint about a first one that is a flag nobody knows.
pub(crate) fn unknown_flag(word: &str, root: &Command, args: &[String]) -> Complaint {
    let (path, leaf) = leaf(root, args);
    let name = path.join(" ");
    let text = unknown_argument(word, &name, leaf);
    Complaint {
        text: format!("{text}\n\nUsage:  {}\n\nRun '{name} --help' for more information", line(leaf)),
        code: code::RUN,
        to_stdout: false,
    }
}

/// How many arguments a command takes, in Docker's words.
fn wanted(leaf: &Command) -> String {
    let least = |arg: &Arg| arg.get_num_args().map_or(1, |range| range.min_values().max(1));
    let required: usize = leaf.get_positionals().filter(|arg| arg.is_required_set()).map(least).sum();
    let many = leaf.get_positionals().any(|arg| matches!(arg.get_action(), ArgAction::Append));
    let optional = leaf.get_positionals().any(|arg| !arg.is_required_set());
    let plural = |n: usize| if n == 1 { "argument" } else { "arguments" };
    match (required, many || optional) {
        (0, false) => "accepts no arguments".to_owned(),
        (n, true) => format!("requires at least {n} {}", plural(n)),
        (n, false) => format!("requires {n} {}", plural(n)),
    }
}

/// The command's line of usage.
pub(crate) fn line(leaf: &Command) -> String {
    let text = leaf.clone().render_usage().to_string();
    text.trim_start_matches("Usage:").trim().to_owned()
}

/// The command that `args` lead to, and the words of its name.
fn leaf<'a>(root: &'a Command, args: &[String]) -> (Vec<String>, &'a Command) {
    let mut path = vec![root.get_name().to_owned()];
    let mut at = root;
    for word in args {
        if let Some(next) = at.find_subcommand(word) {
            path.push(next.get_name().to_owned());
            at = next;
        }
        if !at.has_subcommands() {
            break;
        }
    }
    (path, at)
}

/// `-m, --memory` for clap's `--memory <bytes>`.
fn flag_name(leaf: &Command, invalid: &str) -> Option<String> {
    let word = invalid.split([' ', '=', '[']).next()?;
    let arg =
        leaf.get_arguments().find(|arg| arg.get_long().is_some_and(|long| word == format!("--{long}")))?;
    let long = arg.get_long()?;
    Some(arg.get_short().map_or_else(|| format!("--{long}"), |short| format!("-{short}, --{long}")))
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

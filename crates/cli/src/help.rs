//! The text of `--help`, laid out as Docker's client lays it out.
//!
//! In: a command of clap's. Out: text. Pure but for the terminal's width.

use clap::{Arg, ArgAction, Command};

/// The width where no terminal tells one.
const WIDTH: usize = 80;
/// Words that are shown for people to whom a flag's text would not fit the line.
const MIN_TEXT: usize = 24;

/// The help of `command`, whose full name is `name`.
pub(crate) fn text(command: &Command, name: &str) -> String {
    let width = crate::terminal::size().map_or(WIDTH, |(_, columns)| usize::from(columns));
    let usage = crate::usage::line(command);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut out = format!("Usage:  {usage}\n\n{about}\n");
    let commands: Vec<(String, String)> = command.get_subcommands().map(subcommand).collect();
    if !commands.is_empty() {
        out.push_str("\nCommands:\n");
        out.push_str(&columns(&commands, width));
    }
    let mut args: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_positional()).collect();
    args.sort_by_key(|arg| arg.get_long());
    let options: Vec<(String, String)> =
        args.into_iter().filter(|arg| arg.get_long() != Some("help")).map(option).collect();
    if !options.is_empty() {
        let global = commands.is_empty() || name.contains(' ');
        out.push_str(if global { "\nOptions:\n" } else { "\nGlobal Options:\n" });
        out.push_str(&columns(&options, width));
    }
    if !commands.is_empty() {
        let hint = if name.contains(' ') { name.to_owned() } else { "shoal".to_owned() };
        out.push_str(&format!("\nRun '{hint} COMMAND --help' for more information on a command.\n"));
    }
    out
}

fn subcommand(command: &Command) -> (String, String) {
    (command.get_name().to_owned(), command.get_about().map(ToString::to_string).unwrap_or_default())
}

fn option(arg: &Arg) -> (String, String) {
    let short = arg.get_short().map_or("    ".to_owned(), |short| format!("-{short}, "));
    let long = arg.get_long().unwrap_or_default();
    let is_switch = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && !is_switch;
    let value = arg.get_value_names().and_then(|names| names.first()).filter(|_| takes);
    let value = value.map_or(String::new(), |name| format!(" {name}"));
    let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let default = arg.get_default_values().first().filter(|_| takes && !arg.is_hide_default_value_set());
    let default =
        default.and_then(|value| value.to_str()).map_or(String::new(), |value| match value.parse::<i64>() {
            Ok(number) => format!(" (default {number})"),
            Err(_) => format!(" (default \"{value}\")"),
        });
    (format!("{short}--{long}{value}"), format!("{text}{default}"))
}

/// Two columns; the second is broken into lines at spaces.
fn columns(rows: &[(String, String)], width: usize) -> String {
    let left = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0) + 5;
    let room = width.saturating_sub(left).max(MIN_TEXT);
    let mut out = String::new();
    for (name, text) in rows {
        let mut lines = wrap(text, room).into_iter();
        out.push_str(&format!("  {name:pad$}{}\n", lines.next().unwrap_or_default(), pad = left - 2));
        for line in lines {
            out.push_str(&format!("{:left$}{line}\n", ""));
        }
    }
    out
}

fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_under_their_column() {
        let rows = [
            ("-a, --all".to_owned(), "Show all of them".to_owned()),
            ("    --b string".to_owned(), String::new()),
        ];
        let got = columns(&rows, 10);
        assert_eq!(got, "  -a, --all        Show all of them\n      --b string   \n");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}

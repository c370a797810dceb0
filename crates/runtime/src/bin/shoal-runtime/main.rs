//! `shoal-runtime`: the OCI runtime as a command line, for containerd, podman and other engines.
//!
//! In: a bundle, options by the tables of [`arguments`]. Out: containers, and for each a directory `<root>/<id>` of mode 0700 that
//! is all that one call leaves for the next ([`state`]). What happens inside a container is the `runtime` library's.

mod arguments;
mod bundle;
mod console;
mod container;
mod failure;
mod foreground;
mod global;
mod hook;
mod log;
mod seal;
mod state;
mod time;
mod verb;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Verb, Words, check_count, help};
use failure::{Failure, Outcome};
use global::Global;

const SPEC_VERSION: &str = "1.2.0";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let mut global = Global::default();
    match run(&mut words, &mut global) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            global.log.error(&failure.to_string());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(words: &mut dyn Iterator<Item = String>, global: &mut Global) -> Outcome<u8> {
    let first = Words::read(words, global::FLAGS, 1)?;
    *global = Global::new(&first)?;
    if first.has("--version") {
        let version = env!("CARGO_PKG_VERSION");
        return show(&format!("shoal-runtime version {version}\nspec: {SPEC_VERSION}\n"));
    }
    let mut plain = first.plain.into_iter();
    let Some(name) = plain.next().filter(|name| name != "help" && !first_is_help(name)) else {
        return show(&overview());
    };
    let Some(verb) = verb::ALL.iter().find(|verb| verb.name == name) else {
        return Err(Failure::Usage(format!("there is no command {name:?}; see shoal-runtime --help")));
    };
    let rest: Vec<String> = plain.collect();
    if rest.iter().take_while(|word| word.starts_with('-')).any(|word| word == "--help" || word == "-h") {
        let usage = format!("{} [OPTIONS] {}", verb.name, verb.usage);
        return show(&help(&usage, verb.about, verb.flags));
    }
    let words = Words::read(&mut rest.into_iter(), verb.flags, verb.options_end_after)?;
    check_count(verb, &words)?;
    global.log.debug(&format!("{} {words:?}", verb.name));
    (verb.run)(global, &words)
}

fn first_is_help(name: &str) -> bool {
    matches!(name, "--help" | "-h")
}

fn overview() -> String {
    let about = "An OCI runtime: creates and runs containers from bundles.";
    let mut text = help("[OPTIONS] COMMAND …", about, global::FLAGS);
    text.push_str("\nCommands:\n");
    for Verb { name, about, .. } in verb::ALL {
        text.push_str(&format!("  {name:<12} {about}\n"));
    }
    text
}

/// Writes what was asked for to standard output.
fn show(text: &str) -> Outcome<u8> {
    io::stdout().write_all(text.as_bytes()).map_err(Failure::file("standard output"))?;
    Ok(0)
}

/// The same, of something with fields.
fn show_json(value: &impl serde::Serialize) -> Outcome<u8> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::file("output")(error.into()))?;
    show(&(text + "\n"))
}

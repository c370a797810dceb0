//! `shoal`, the command line of the shoal engine and cluster.
//!
//! In: arguments, environment, standard input. Out: calls of the daemon's API, text, and Docker's exit codes. Knows the
//! daemon only through `engine-api`; touches no file but those that flags name,
//! the user's configuration and contexts.
#![forbid(unsafe_code)]

mod attachment;
mod client;
mod command;
mod config;
mod console;
mod context;
mod error;
mod flag;
mod format;
mod global;
mod help;
mod progress;
mod registry;
mod terminal;
mod usage;

use std::error::Error as _;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::command::Verb;
use crate::error::{Error, code};
use crate::global::Global;

/// A container engine and cluster of one piece
#[derive(Debug, Parser)]
#[command(name = "shoal", override_usage = "shoal [OPTIONS] COMMAND")]
struct Root {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Option<Verb>,
}

fn main() -> ExitCode {
    ExitCode::from(start())
}

fn start() -> u8 {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut command = usage::docker_style(Root::command());
    let parsed =
        command.try_get_matches_from_mut(std::iter::once("shoal".to_owned()).chain(args.iter().cloned()));
    let root = match parsed.and_then(|matches| Root::from_arg_matches(&matches)) {
        Ok(root) => root,
        Err(error) => return complain(&usage::complaint(&error, &command, &args)),
    };
    let Some(verb) = root.verb else {
        let text = match root.global.version {
            true => format!("shoal version {}", env!("CARGO_PKG_VERSION")),
            false => help::text(&command, "shoal"),
        };
        return finish(console::line(text.trim_end()).map(|()| 0), false, None);
    };
    if let Some(word) = verb.stray_flag() {
        return complain(&usage::unknown_flag(word, &command, &args));
    }
    let run = verb.run_name();
    let ended = work(&root.global, verb);
    finish(ended, root.global.debug, run)
}

fn work(global: &Global, verb: Verb) -> Result<u8, Error> {
    let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // Contexts can be listed and mended when the one in use leads nowhere.
    let verb = match verb {
        Verb::Context { verb } => return verb.run(global, &lookup).map(|()| 0),
        verb => verb,
    };
    let client = global.client(&lookup)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = verb.run(&client) => ended,
            () = terminal::impatience() => Err(Error::Interrupted),
        }
    });
    // Standard input may be blocked in a read on a thread of the runtime; that must not hold the exit.
    runtime.shutdown_background();
    ended
}

fn complain(complaint: &usage::Complaint) -> u8 {
    if complaint.to_stdout {
        return finish(console::line(&complaint.text).map(|()| complaint.code), false, None);
    }
    console::note(&complaint.text);
    complaint.code
}

/// Tells an error and gives the exit code. `run` is the verb's name if it is `run` or `create`, whose failures before the
/// container's command have codes of their own.
fn finish(ended: Result<u8, Error>, debug: bool, run: Option<&str>) -> u8 {
    let error = match ended {
        Ok(code) => return code,
        Err(Error::Told) => return code::FAILURE,
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return code::BROKEN_PIPE,
        Err(error) => error,
    };
    let code = match run {
        Some("run") => command::container::run::failure_code(&error),
        Some(_) if matches!(error, Error::Options(_)) => code::RUN,
        _ => code::FAILURE,
    };
    let prefix = if run.is_some() && code != code::FAILURE { "shoal: " } else { "" };
    console::note(&format!("{prefix}{error}"));
    if let Some(name) = run.filter(|_| code != code::FAILURE) {
        console::note(&format!("\nRun 'shoal {name} --help' for more information"));
    }
    let mut cause = error.source();
    while let Some(inner) = cause.filter(|_| debug) {
        console::note(&format!("caused by: {inner}"));
        cause = inner.source();
    }
    code
}

//! The flags of `service create` and `service update` against those of Docker's client.

use std::process::Command;

use clap::{Args, FromArgMatches};

use super::{create, update};

/// A group of flags from words.
pub(super) fn parsed<T: Args + FromArgMatches>(words: &[&str]) -> T {
    let command = crate::usage::docker_style(T::augment_args(clap::Command::new("x")));
    let matches = command.try_get_matches_from([&["x"], words].concat()).expect("flags");
    T::from_arg_matches(&matches).expect("flags")
}

fn flags<T: Args>() -> Vec<String> {
    let command = T::augment_args(clap::Command::new("x"));
    command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

/// The long flags that `docker service VERB --help` lists; none, said aloud, where there is no docker.
fn docker_flags(verb: &str) -> Vec<String> {
    let Ok(help) = Command::new("docker").args(["service", verb, "--help"]).output() else {
        eprintln!("not compared: there is no docker client here");
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    // `  -d, --detach` or `      --dns list`; what is indented further goes on with an explanation.
    let flag = |line: &str| {
        let rest = line
            .strip_prefix("      --")
            .or_else(|| line.strip_prefix("  -")?.split_once(", --").map(|(_, rest)| rest))?;
        rest.split_whitespace().next().map(str::to_owned)
    };
    text.lines().skip_while(|line| !line.starts_with("Options:")).filter_map(flag).collect()
}

#[test]
fn every_flag_of_dockers_client_is_known() {
    let ours = [("create", flags::<create::Args>()), ("update", flags::<update::Args>())];
    for (verb, ours) in ours {
        let theirs = docker_flags(verb);
        let missing: Vec<&String> = theirs.iter().filter(|flag| !ours.contains(flag)).collect();
        assert!(missing.is_empty(), "service {verb} lacks {missing:?}");
        assert!(
            theirs.is_empty() || theirs.len() > 50,
            "the help of service {verb} was not understood: {theirs:?}"
        );
    }
}

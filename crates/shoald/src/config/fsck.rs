//! `--fsck[=repair,layers]`.

use clap::{Arg, ArgAction, ArgMatches};

const NAME: &str = "fsck";

/// What a check of the images is to do beside looking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fsck {
    /// Put right what can be.
    pub(crate) repair: bool,
    /// Compare layers with what their blobs unpack to.
    pub(crate) layers: bool,
}

pub(super) fn arg() -> Arg {
    Arg::new(NAME)
        .long(NAME)
        .action(ArgAction::Append)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("check")
        .value_delimiter(',')
        .value_parser(["check", "layers", "repair"])
        .value_name("WHAT")
        .help("Check the images of a stopped daemon and end; =layers compares layers with their blobs, =repair puts right what it can")
}

pub(super) fn read(matches: &ArgMatches) -> Option<Fsck> {
    let words: Vec<&String> = matches.get_many(NAME)?.collect();
    let has = |wanted: &str| words.iter().any(|word| *word == wanted);
    Some(Fsck { repair: has("repair"), layers: has("layers") })
}

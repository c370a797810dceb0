//! The commands, one per file.

mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
mod pause;
mod ps;
mod run;
mod spec;
mod start;
mod state;
mod update;

use crate::arguments::Verb;

/// All of them.
pub(crate) const ALL: &[&Verb] = &[
    &create::VERB,
    &delete::VERB,
    &events::VERB,
    &exec::VERB,
    &features::VERB,
    &kill::VERB,
    &list::VERB,
    &pause::PAUSE,
    &ps::VERB,
    &pause::RESUME,
    &run::VERB,
    &spec::VERB,
    &start::VERB,
    &state::VERB,
    &update::VERB,
];

//! `features`: what this runtime can do, as features.md of the specification wants it told.

use crate::arguments::{Verb, Words};
use crate::failure::Outcome;
use crate::global::Global;
use crate::show_json;

pub(crate) const VERB: Verb = Verb {
    name: "features",
    usage: "",
    about: "show what this runtime can do",
    flags: &[],
    words: (0, 0),
    options_end_after: usize::MAX,
    run: features,
};

fn features(_: &Global, _: &Words) -> Outcome<u8> {
    show_json(&runtime::features())
}

//! `state`: a container as the specification wants it shown.

use crate::arguments::{Verb, Words};
use crate::container::Container;
use crate::failure::Outcome;
use crate::global::Global;
use crate::show_json;

pub(crate) const VERB: Verb = Verb {
    name: "state",
    usage: "ID",
    about: "show the state of a container",
    flags: &[],
    words: (1, 1),
    options_end_after: usize::MAX,
    run: state,
};

fn state(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::find(global, &words.plain[0])?;
    show_json(&container.state.show(&container.dir))
}

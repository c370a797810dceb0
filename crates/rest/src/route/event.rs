//! `GET /events`: what happened and what happens, one line each.

use ::http::Method;
use engine_api::event::EventsQuery;
use futures_util::StreamExt;

use crate::convert;
use crate::failure::Failure;
use crate::filter::event::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::table::Table;
use crate::http::version::Version;

/// Until this version an event also told its parts at the top level.
const FLAT_UNTIL: u16 = 52;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/events", events);
}

async fn events(call: Call<EventsQuery>) -> Outcome {
    // Zero is a moment here, the beginning of all, while elsewhere it stands for none.
    let since = match call.query.since.as_str() {
        "0" => Some(0),
        text => convert::time::moment("since", text)?,
    };
    let until = convert::time::moment("until", &call.query.until)?;
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err(Failure::invalid("`since` time cannot be after `until` time"));
    }
    let filter = Filter::new(call.query.filters)?;
    let flat = flat(call.version);
    let happened = call.api.events.subscribe(since, until, swarm_api::now_ns());
    Ok(Answer::lines(happened.filter_map(move |event| {
        std::future::ready(filter.shows(&event).then(|| convert::event::message(&event, flat)))
    })))
}

fn flat(version: Version) -> bool {
    !version.since(FLAT_UNTIL)
}

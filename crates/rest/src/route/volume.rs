//! Volumes: nothing makes one yet, so that the list is empty.

use ::http::Method;
use engine_api::Filters;
use engine_api::volume::VolumeListResponse;

use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::table::Table;

/// Parameters of the list.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ListQuery {
    /// Of an empty list every filter shows the same.
    filters: Filters,
}

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/volumes", list);
}

async fn list(_: Call<ListQuery>) -> Outcome {
    Answer::json(&VolumeListResponse::default())
}

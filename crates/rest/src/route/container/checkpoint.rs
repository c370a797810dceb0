//! `/containers/{id}/checkpoints`. None can be made yet, so that there is none to list; directories that a client names are
//! not looked into.

use ::http::StatusCode;

use crate::http::answer::{Answer, Outcome};
use crate::http::call::{Call, NoQuery};

pub(super) async fn create(call: Call<NoQuery>) -> Outcome {
    call.api.containers.checkpoint(&call.name).await?;
    Answer::empty(StatusCode::CREATED)
}

pub(super) async fn list(call: Call<NoQuery>) -> Outcome {
    call.api.containers.inspect(&call.name)?;
    let none: [(); 0] = [];
    Answer::json(&none)
}

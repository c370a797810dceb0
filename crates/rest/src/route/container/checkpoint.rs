//! `/containers/{id}/checkpoints`: containers frozen into files.

use ::http::StatusCode;
use engine::CheckpointName;
use engine_api::container::{Checkpoint, CheckpointCreateRequest, CheckpointQuery};

use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};

pub(super) async fn create(call: Call<NoQuery, Json<CheckpointCreateRequest>>) -> Outcome {
    let Json(request) = call.body;
    let name = CheckpointName { name: request.checkpoint_id, dir: request.checkpoint_dir };
    call.api.containers.checkpoint(&call.name, &name, request.exit).await?;
    Answer::empty(StatusCode::CREATED)
}

pub(super) async fn list(call: Call<CheckpointQuery>) -> Outcome {
    let names = call.api.containers.checkpoints(&call.name, &call.query.dir).await?;
    let found: Vec<Checkpoint> = names.into_iter().map(|name| Checkpoint { name }).collect();
    Answer::json(&found)
}

pub(super) async fn remove(call: Call<CheckpointQuery>) -> Outcome {
    let name = CheckpointName { name: call.second_name, dir: call.query.dir };
    call.api.containers.remove_checkpoint(&call.name, &name).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

//! The lock of the managers: the key, and unlocking this one.

use ::http::StatusCode;
use engine_api::swarm::SwarmUnlockKey;
use swarm_api::pb;

use super::{control, timed};
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};

pub(super) async fn key(call: Call) -> Outcome {
    let answer = control(&call.api).await?.get_unlock_key(timed(pb::Empty {})).await?.into_inner();
    Answer::json(&SwarmUnlockKey { unlock_key: answer.unlock_key })
}

pub(super) async fn unlock(call: Call<NoQuery, Json<SwarmUnlockKey>>) -> Outcome {
    call.api.node.unlock(call.body.0.unlock_key).await?;
    Answer::empty(StatusCode::OK)
}

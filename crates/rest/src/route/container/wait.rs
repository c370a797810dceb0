//! `POST /containers/{id}/wait`: the head of the answer goes out at once, so that the client knows it is waited for; the result
//! follows when the container has ended.

use ::http::HeaderValue;
use bytes::Bytes;
use engine::WaitCondition;
use engine_api::container::{ContainerWaitResponse, WaitQuery};
use futures_util::stream;

use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn wait(call: Call<WaitQuery>) -> Outcome {
    let condition = match call.query.condition.as_str() {
        "" | "not-running" => WaitCondition::NotRunning,
        "next-exit" => WaitCondition::NextExit,
        "removed" => WaitCondition::Removed,
        other => return Err(Failure::invalid(format!("invalid condition: \"{other}\""))),
    };
    let ended = call.api.containers.wait(&call.name, condition)?;
    let line = async move {
        let result = ended.await;
        // Why a start failed is told to who started it; told here too, Docker's client would print it twice.
        let response = ContainerWaitResponse { status_code: i64::from(result.code), error: None };
        let mut line = serde_json::to_vec(&response).map_err(std::io::Error::other)?;
        line.push(b'\n');
        Ok(Bytes::from(line))
    };
    Ok(Answer::streamed(HeaderValue::from_static("application/json"), stream::once(line)))
}

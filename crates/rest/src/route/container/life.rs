//! The steps of a container's life that end in a status alone.

use ::http::StatusCode;
use engine::{CheckpointName, RemoveOptions, StopOptions, StopTimeout};
use engine_api::container::{KillQuery, RemoveQuery, ResizeQuery, StartQuery, StopQuery};

use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// What a kill without a signal sends.
const KILL: &str = "SIGKILL";

/// Parameters of a rename.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct RenameQuery {
    name: String,
}

pub(super) async fn start(call: Call<StartQuery>) -> Outcome {
    if call.query.checkpoint.is_empty() {
        call.api.containers.start(&call.name).await?;
    } else {
        let name = CheckpointName { name: call.query.checkpoint, dir: call.query.checkpoint_dir };
        call.api.containers.start_from(&call.name, &name).await?;
    }
    Answer::empty(StatusCode::NO_CONTENT)
}

pub(super) async fn stop(call: Call<StopQuery>) -> Outcome {
    call.api.containers.stop(&call.name, stop_options(call.query)).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

pub(super) async fn restart(call: Call<StopQuery>) -> Outcome {
    call.api.containers.restart(&call.name, stop_options(call.query)).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

fn stop_options(query: StopQuery) -> StopOptions {
    StopOptions {
        signal: (!query.signal.is_empty()).then_some(query.signal),
        timeout: query.t.map(StopTimeout::from_seconds),
    }
}

pub(super) async fn kill(call: Call<KillQuery>) -> Outcome {
    let signal = if call.query.signal.is_empty() { KILL } else { &call.query.signal };
    call.api.containers.kill(&call.name, signal).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

pub(super) async fn pause(call: Call) -> Outcome {
    call.api.containers.pause(&call.name).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

pub(super) async fn unpause(call: Call) -> Outcome {
    call.api.containers.unpause(&call.name).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

pub(super) async fn rename(call: Call<RenameQuery>) -> Outcome {
    let name = call.query.name.strip_prefix('/').unwrap_or(&call.query.name);
    if name.is_empty() {
        return Err(Failure::invalid("neither old nor new names may be empty"));
    }
    call.api.containers.rename(&call.name, name).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

pub(super) async fn resize(call: Call<ResizeQuery>) -> Outcome {
    call.api.containers.resize(&call.name, call.query.h, call.query.w).await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn remove(call: Call<RemoveQuery>) -> Outcome {
    if call.query.link {
        call.api.containers.unlink(&call.name).await?;
        return Answer::empty(StatusCode::NO_CONTENT);
    }
    let options = RemoveOptions { force: call.query.force, volumes: call.query.v };
    call.api.containers.remove(&call.name, options).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

//! `GET /containers/{id}/changes` and `POST /commit`: what a container changed, and an image of it.

use ::http::StatusCode;
use engine::{ChangeKind, CommitOptions};
use engine_api::container::{CommitQuery, CommitResponse, ContainerConfig, FilesystemChange};

use crate::convert;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::Call;

pub(super) async fn changes(call: Call) -> Outcome {
    let changes = call.api.containers.changes(&call.name).await?;
    let told = |change: engine::Change| FilesystemChange {
        path: change.path,
        kind: match change.kind {
            ChangeKind::Modified => 0,
            ChangeKind::Added => 1,
            ChangeKind::Deleted => 2,
        },
    };
    Answer::json(&changes.into_iter().map(told).collect::<Vec<_>>())
}

pub(super) async fn commit(call: Call<CommitQuery, Option<Json<Option<ContainerConfig>>>>) -> Outcome {
    let query = call.query;
    if query.container.is_empty() {
        return Err(Failure::invalid("bad parameter: container must be named"));
    }
    let reference = match (query.repo.as_str(), query.tag.as_str()) {
        ("", _) => None,
        (repo, "") => Some(repo.to_owned()),
        (repo, tag) => Some(format!("{repo}:{tag}")),
    };
    let options = CommitOptions {
        reference,
        author: query.author,
        message: query.comment,
        changes: query.changes,
        pause: query.pause.unwrap_or(true),
        config: convert::container::config(call.body.and_then(|body| body.0).unwrap_or_default())?,
    };
    let image = call.api.containers.commit(&query.container, options).await?;
    Answer::json_with(StatusCode::CREATED, &CommitResponse { id: image.id.clone() })
}

//! Configs: create, list, inspect, update, remove.

use ::http::StatusCode;
use engine_api::swarm::{FileCreateResponse, FileListQuery, FileSpec, FileUpdateQuery};
use swarm_api::pb;

use super::{control, timed};
use crate::convert;
use crate::filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};

pub(super) async fn create(call: Call<NoQuery, Json<FileSpec>>) -> Outcome {
    let mut control = control(&call.api).await?;
    let request = pb::CreateFileRequest { spec: Some(convert::file::spec(call.body.0)?) };
    let created = control.create_config(timed(request)).await?.into_inner();
    Answer::json_with(StatusCode::CREATED, &FileCreateResponse { id: created.id })
}

pub(super) async fn list(call: Call<FileListQuery>) -> Outcome {
    let request = filter::file::request(&call.query.filters)?;
    let found = control(&call.api).await?.list_configs(timed(request)).await?.into_inner();
    Answer::json(&found.configs.into_iter().map(convert::file::config).collect::<Vec<_>>())
}

pub(super) async fn inspect(call: Call) -> Outcome {
    let request = pb::GetRequest { reference: call.name };
    let config = control(&call.api).await?.get_config(timed(request)).await?.into_inner();
    Answer::json(&convert::file::config(config))
}

pub(super) async fn update(call: Call<FileUpdateQuery, Json<FileSpec>>) -> Outcome {
    let mut control = control(&call.api).await?;
    let request = pb::UpdateFileRequest {
        reference: call.name,
        version: call.query.version,
        spec: Some(convert::file::spec(call.body.0)?),
    };
    control.update_config(timed(request)).await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn remove(call: Call) -> Outcome {
    let request = pb::GetRequest { reference: call.name };
    control(&call.api).await?.remove_config(timed(request)).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

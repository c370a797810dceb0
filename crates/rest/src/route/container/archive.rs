//! `/containers/{id}/archive` and `/containers/{id}/export`: files in and out.

use ::http::{HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{ExtractOptions, PathStat};
use engine_api::Timestamp;
use engine_api::container::{ArchiveQuery, ContainerPathStat, ExtractQuery};

use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Upload;
use crate::http::call::Call;

/// Base64 of a [`ContainerPathStat`] as JSON.
const PATH_STAT: HeaderName = HeaderName::from_static("x-docker-container-path-stat");
const TAR: HeaderValue = HeaderValue::from_static("application/x-tar");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) async fn stat(call: Call<ArchiveQuery>) -> Outcome {
    let stat = call.api.containers.stat_path(&call.name, path(&call.query.path)?).await?;
    with_stat(Answer::empty(StatusCode::OK)?, stat)
}

pub(super) async fn get(call: Call<ArchiveQuery>) -> Outcome {
    let (stat, archive) = call.api.containers.archive(&call.name, path(&call.query.path)?).await?;
    with_stat(Answer::streamed(TAR, archive), stat)
}

pub(super) async fn put(call: Call<ExtractQuery, Upload>) -> Outcome {
    let Call { api, query, body, name, .. } = call;
    let options = ExtractOptions {
        no_overwrite_dir_non_dir: query.no_overwrite_dir_non_dir,
        copy_uid_gid: query.copy_uid_gid,
    };
    api.containers.extract(&name, path(&query.path)?, options, body.reader()).await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn export(call: Call) -> Outcome {
    Ok(Answer::streamed(BYTES, call.api.containers.export(&call.name).await?))
}

fn path(path: &str) -> Result<&str, Failure> {
    if path.is_empty() { Err(Failure::invalid("bad parameter: path cannot be empty")) } else { Ok(path) }
}

fn with_stat(answer: Answer, stat: PathStat) -> Outcome {
    let told = ContainerPathStat {
        name: stat.name,
        size: stat.size,
        mode: stat.mode,
        mtime: Timestamp::from_ns(stat.modified_ns),
        link_target: stat.link_target,
    };
    let json = serde_json::to_vec(&told)
        .map_err(|error| Failure::internal(format!("cannot write the answer: {error}")))?;
    let value = HeaderValue::from_str(&STANDARD.encode(json))
        .map_err(|error| Failure::internal(format!("cannot write the answer: {error}")))?;
    let Answer::Response(mut response) = answer else { return Ok(answer) };
    response.headers_mut().insert(PATH_STAT, value);
    Ok(Answer::Response(response))
}

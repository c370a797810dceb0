//! Volumes. What Docker does not have is beneath `/shoal`: the archive of a volume, out and in.

use ::http::{HeaderValue, Method, StatusCode};
use engine::volume::VolumeWish;
use engine_api::volume::{
    VolumeCreateRequest, VolumeFilterQuery, VolumeImportQuery, VolumeListResponse, VolumePruneResponse,
    VolumeRemoveQuery, VolumeUpdateQuery, VolumeUpdateRequest,
};

use super::swarm::control;
use crate::convert;
use crate::failure::Failure;
use crate::filter::volume::{Listed, Pruned};
use crate::http::answer::{Answer, Outcome};
use crate::http::body::{Json, Upload};
use crate::http::call::{Call, NoQuery};
use crate::http::table::Table;

const TAR: HeaderValue = HeaderValue::from_static("application/x-tar");

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/volumes", list);
    table.on(Method::POST, "/volumes/create", create);
    table.on(Method::POST, "/volumes/prune", prune);
    table.on(Method::GET, "/volumes/{name}", inspect);
    table.on(Method::DELETE, "/volumes/{name}", remove);
    table.on(Method::PUT, "/volumes/{name}", update);
    table.on(Method::GET, "/shoal/volumes/{name}/archive", export);
    table.on(Method::PUT, "/shoal/volumes/{name}/archive", import);
}

async fn list(call: Call<VolumeFilterQuery>) -> Outcome {
    let filter = Listed::new(call.query.filters)?;
    let volumes = &call.api.volumes;
    let listed = volumes.list();
    let shown =
        listed.iter().filter(|volume| filter.shows(volume, || !volumes.users(&volume.name).is_empty()));
    let volumes = shown.map(|volume| convert::volume::volume(volume)).collect();
    Answer::json(&VolumeListResponse { volumes, warnings: Vec::new() })
}

async fn create(call: Call<NoQuery, Json<VolumeCreateRequest>>) -> Outcome {
    let request = call.body.0;
    let wish = VolumeWish {
        name: (!request.name.is_empty()).then_some(request.name),
        driver: request.driver,
        options: request.driver_opts,
        labels: request.labels,
    };
    let volume = call.api.volumes.create(wish).await?;
    Answer::json_with(StatusCode::CREATED, &convert::volume::volume(&volume))
}

async fn inspect(call: Call) -> Outcome {
    Answer::json(&convert::volume::volume(call.api.volumes.inspect(&call.name)?.as_ref()))
}

async fn remove(call: Call<VolumeRemoveQuery>) -> Outcome {
    call.api.volumes.remove(&call.name, call.query.force).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

async fn prune(call: Call<VolumeFilterQuery>) -> Outcome {
    let filter = Pruned::new(call.query.filters, call.version)?;
    let pruned = call.api.volumes.prune(|volume| filter.takes(volume)).await?;
    Answer::json(&VolumePruneResponse { volumes_deleted: pruned.names, space_reclaimed: pruned.bytes })
}

/// Only volumes of a cluster can be changed, and there are none. The checks are Docker's, in its order.
async fn update(call: Call<VolumeUpdateQuery, Json<VolumeUpdateRequest>>) -> Outcome {
    if control(&call.api).await.is_err() {
        let words = "volume update only valid for cluster volumes, but swarm is unavailable";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, words));
    }
    let version = &call.query.version;
    version
        .parse::<u64>()
        .map_err(|error| Failure::invalid(format!("invalid swarm object version '{version}': {error}")))?;
    Err(Failure::not_found(format!("volume {} not found", call.name)))
}

async fn export(call: Call) -> Outcome {
    Ok(Answer::streamed(TAR, call.api.volumes.export(&call.name).await?))
}

async fn import(call: Call<VolumeImportQuery, Upload>) -> Outcome {
    let Call { api, query, body, name, .. } = call;
    let volume = api.volumes.import(&name, query.merge, body.reader()).await?;
    Answer::json(&convert::volume::volume(&volume))
}

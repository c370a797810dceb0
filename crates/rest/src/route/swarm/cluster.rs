//! The swarm as a whole: init, join, leave, inspect, update.

use ::http::StatusCode;
use engine_api::swarm::{SwarmInitRequest, SwarmJoinRequest, SwarmLeaveQuery, SwarmSpec, SwarmUpdateQuery};
use swarm_api::pb;

use super::{control, stated, timed};
use crate::convert;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};
use crate::{InitRequest, JoinRequest};

pub(super) async fn init(call: Call<NoQuery, Json<SwarmInitRequest>>) -> Outcome {
    let request = call.body.0;
    let mut spec = convert::swarm::spec(&request.spec)?;
    spec.auto_lock_managers |= request.auto_lock_managers;
    spec.overlay = Some(convert::overlay::settings(&request)?);
    let (certificate, key) = (request.spec.ca_config.signing_ca_cert, request.spec.ca_config.signing_ca_key);
    let root = (!certificate.is_empty() || !key.is_empty()).then(|| pb::RootCa {
        certificate_pem: certificate.into_bytes(),
        key_pem: key.into_bytes(),
        ..pb::RootCa::default()
    });
    let node_id = call
        .api
        .node
        .init(InitRequest {
            listen_addr: request.listen_addr,
            advertise_addr: request.advertise_addr,
            availability: convert::node::availability(&request.availability)?,
            data_path_addr: request.data_path_addr,
            spec,
            root,
            force_new_cluster: request.force_new_cluster,
        })
        .await?;
    Answer::json(&node_id)
}

pub(super) async fn join(call: Call<NoQuery, Json<SwarmJoinRequest>>) -> Outcome {
    let request = call.body.0;
    if request.remote_addrs.is_empty() {
        return Err(Failure::invalid("at least one address of a manager is needed in RemoteAddrs"));
    }
    let availability = convert::node::availability(&request.availability)?;
    call.api
        .node
        .join(JoinRequest {
            listen_addr: request.listen_addr,
            advertise_addr: request.advertise_addr,
            data_path_addr: request.data_path_addr,
            remote_addrs: request.remote_addrs,
            token: request.join_token,
            availability,
        })
        .await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn leave(call: Call<SwarmLeaveQuery>) -> Outcome {
    call.api.node.leave(call.query.force).await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn inspect(call: Call) -> Outcome {
    let cluster = control(&call.api).await?.get_cluster(timed(pb::Empty {})).await?.into_inner();
    Answer::json(&convert::swarm::swarm(cluster))
}

pub(super) async fn update(call: Call<SwarmUpdateQuery, Json<SwarmSpec>>) -> Outcome {
    let request = pb::UpdateClusterRequest {
        version: stated("swarm", call.query.version)?,
        spec: Some(convert::swarm::spec(&call.body.0)?),
        rotate_worker_token: call.query.rotate_worker_token,
        rotate_manager_token: call.query.rotate_manager_token,
        signing_ca_certificate_pem: call.body.0.ca_config.signing_ca_cert.into_bytes(),
        signing_ca_key_pem: call.body.0.ca_config.signing_ca_key.into_bytes(),
        rotate_unlock_key: call.query.rotate_manager_unlock_key,
    };
    control(&call.api).await?.update_cluster(timed(request)).await?;
    Answer::empty(StatusCode::OK)
}

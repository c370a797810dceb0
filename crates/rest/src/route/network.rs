//! Networks, of this machine and of the swarm, and who is on them.

use std::collections::BTreeMap;

use ::http::{Method, StatusCode};
use engine_api::container::PruneQuery;
use engine_api::network::{
    Network, NetworkConnectRequest, NetworkCreateRequest, NetworkCreateResponse, NetworkDisconnectRequest,
    NetworkInspectQuery, NetworkListQuery, NetworkPruneResponse,
};
use network::{Driver, LOCAL_SCOPE, SWARM_SCOPE};
use swarm_api::pb;

use super::swarm::{control, timed};
use crate::Api;
use crate::convert;
use crate::failure::Failure;
use crate::filter;
use crate::filter::network::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};
use crate::http::table::Table;

/// What a person should know of a network of the swarm.
const NODE_BY_NODE: &str =
    "traffic between nodes is not implemented yet: tasks reach those on their own node";

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/networks", list);
    table.on(Method::POST, "/networks/create", create);
    table.on(Method::POST, "/networks/prune", prune);
    table.on(Method::GET, "/networks/{id}", inspect);
    table.on(Method::DELETE, "/networks/{id}", remove);
    table.on(Method::POST, "/networks/{id}/connect", connect);
    table.on(Method::POST, "/networks/{id}/disconnect", disconnect);
}

async fn list(call: Call<NetworkListQuery>) -> Outcome {
    let filter = Filter::new(call.query.filters)?;
    let local = call.api.networks.list().await;
    let mut shown = Vec::new();
    for record in &local {
        let network = convert::network::summary(record, call.version);
        if filter.shows(&network, || !call.api.networks.users(record).is_empty()) {
            shown.push(network);
        }
    }
    // What of them is on this machine has been told.
    let elsewhere = |network: &pb::Network| local.iter().all(|record| record.id != network.id);
    for network in swarms(&call.api).await.into_iter().filter(elsewhere) {
        let network = convert::swarm_network::told(network, call.version);
        if filter.shows(&network, || false) {
            shown.push(network);
        }
    }
    Answer::json(&shown)
}

/// The swarm's networks, where this machine is a manager. While the managers cannot be asked there are none, so that what this
/// machine has can still be listed.
async fn swarms(api: &Api) -> Vec<pb::Network> {
    if !api.node.status().control_available {
        return Vec::new();
    }
    let asked = async { Ok::<_, Failure>(control(api).await?.list_networks(timed(pb::Empty {})).await?) };
    match asked.await {
        Ok(answer) => answer.into_inner().networks,
        Err(failure) => {
            tracing::debug!(reason = failure.message, "the swarm's networks are not listed");
            Vec::new()
        }
    }
}

async fn inspect(call: Call<NetworkInspectQuery>) -> Outcome {
    let scope = call.query.scope.as_str();
    let not_found = || Failure::not_found(format!("network {} not found", call.name));
    if !matches!(scope, "" | LOCAL_SCOPE | SWARM_SCOPE) {
        return Err(not_found());
    }
    let here = call.api.networks.inspect(&call.name).await;
    if let Ok(record) = &here {
        let users = call.api.networks.users(record);
        let mut network = convert::network::inspect(record, &users, call.version);
        // A service names these by their names: each node has its own.
        if scope == SWARM_SCOPE && record.predefined {
            (network.scope, network.id) = (SWARM_SCOPE.to_owned(), network.name.clone());
        }
        if scope.is_empty() || network.scope == scope {
            return Answer::json(&network);
        }
    }
    if scope != LOCAL_SCOPE && call.api.node.status().control_available {
        let request = pb::GetRequest { reference: call.name.clone() };
        let network = control(&call.api).await?.get_network(timed(request)).await?.into_inner();
        let network = convert::swarm_network::told(network, call.version);
        return Answer::json(&Network { containers: Some(BTreeMap::new()), ..network });
    }
    here?;
    Err(not_found())
}

async fn create(call: Call<NoQuery, Json<NetworkCreateRequest>>) -> Outcome {
    let asked = call.body.0;
    if call.api.node.status().control_available {
        convert::swarm_network::refuse_taken(&asked.name)?;
    }
    let response = if convert::swarm_network::is_swarms(&asked) {
        let spec = Some(convert::swarm_network::request(asked)?);
        let mut control = control(&call.api).await?;
        let network = control.create_network(timed(pb::CreateNetworkRequest { spec })).await?.into_inner();
        NetworkCreateResponse { id: network.id, warning: NODE_BY_NODE.to_owned() }
    } else {
        let request = convert::network::request(asked, call.version)?;
        let network = call.api.networks.create(request).await?;
        NetworkCreateResponse { id: network.id, warning: String::new() }
    };
    Answer::json_with(StatusCode::CREATED, &response)
}

async fn remove(call: Call) -> Outcome {
    let here = call.api.networks.inspect(&call.name).await;
    let is_local = here.as_ref().is_ok_and(|record| record.driver != Driver::Overlay);
    if is_local || (here.is_err() && !call.api.node.status().control_available) {
        call.api.networks.remove(&call.name).await?;
    } else {
        let request = pb::GetRequest { reference: call.name };
        control(&call.api).await?.remove_network(timed(request)).await?;
    }
    Answer::empty(StatusCode::NO_CONTENT)
}

async fn connect(call: Call<NoQuery, Json<NetworkConnectRequest>>) -> Outcome {
    let NetworkConnectRequest { container, endpoint_config } = call.body.0;
    let wanted = convert::container::endpoint_spec(endpoint_config.unwrap_or_default());
    refuse_swarms(&call.api, &[&call.name]).await?;
    call.api.networks.connect(&call.name, &container, wanted).await?;
    Answer::empty(StatusCode::OK)
}

async fn disconnect(call: Call<NoQuery, Json<NetworkDisconnectRequest>>) -> Outcome {
    let NetworkDisconnectRequest { container, force } = call.body.0;
    call.api.networks.disconnect(&call.name, &container, force).await?;
    Answer::empty(StatusCode::OK)
}

async fn prune(call: Call<PruneQuery>) -> Outcome {
    let filter = filter::prune::Filter::new(&call.query.filters, swarm_api::now_ns())?;
    let fits = |created_ns, labels: &BTreeMap<String, String>| filter.fits(created_ns, labels);
    let mut pruned = call.api.networks.prune(|network| fits(network.created_ns, &network.labels)).await?;
    for network in swarms(&call.api).await {
        let network = convert::swarm_network::told(network, call.version);
        if !fits(network.created.ns().unwrap_or_default(), &network.labels) {
            continue;
        }
        let request = pb::GetRequest { reference: network.id };
        // Those in use are refused, and that is all there is to ask.
        if control(&call.api).await?.remove_network(timed(request)).await.is_ok() {
            pruned.push(network.name);
        }
    }
    Answer::json(&NetworkPruneResponse { networks_deleted: (!pruned.is_empty()).then_some(pruned) })
}

/// Containers that no service made have no address on a network of the swarm.
pub(super) async fn refuse_swarms(api: &Api, names: &[&str]) -> Result<(), Failure> {
    for name in names {
        if api.networks.inspect(name).await.is_ok_and(|record| record.driver == Driver::Overlay) {
            return Err(Failure::missing(format!(
                "attaching a container by hand to {name}, a network of the swarm,"
            )));
        }
    }
    Ok(())
}

//! Networks, and who is on them.

use ::http::{Method, StatusCode};
use engine_api::container::PruneQuery;
use engine_api::network::{
    NetworkConnectRequest, NetworkCreateRequest, NetworkCreateResponse, NetworkDisconnectRequest,
    NetworkInspectQuery, NetworkListQuery, NetworkPruneResponse,
};
use network::SCOPE;

use crate::convert;
use crate::failure::Failure;
use crate::filter;
use crate::filter::network::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};
use crate::http::table::Table;

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
    let networks = call.api.networks.list().await;
    let in_use = |network| !call.api.networks.users(network).is_empty();
    let shown = networks.iter().filter(|network| filter.shows(network, || in_use(network)));
    Answer::json(&shown.map(|network| convert::network::summary(network, call.version)).collect::<Vec<_>>())
}

async fn inspect(call: Call<NetworkInspectQuery>) -> Outcome {
    let scope = &call.query.scope;
    if !scope.is_empty() && scope != SCOPE {
        return Err(Failure::not_found(format!("network {} not found", call.name)));
    }
    let network = call.api.networks.inspect(&call.name).await?;
    let users = call.api.networks.users(&network);
    Answer::json(&convert::network::inspect(&network, &users, call.version))
}

async fn create(call: Call<NoQuery, Json<NetworkCreateRequest>>) -> Outcome {
    let request = convert::network::request(call.body.0, call.version)?;
    let network = call.api.networks.create(request).await?;
    let response = NetworkCreateResponse { id: network.id, warning: String::new() };
    Answer::json_with(StatusCode::CREATED, &response)
}

async fn remove(call: Call) -> Outcome {
    call.api.networks.remove(&call.name).await?;
    Answer::empty(StatusCode::NO_CONTENT)
}

async fn connect(call: Call<NoQuery, Json<NetworkConnectRequest>>) -> Outcome {
    let NetworkConnectRequest { container, endpoint_config } = call.body.0;
    let wanted = convert::container::endpoint_spec(endpoint_config.unwrap_or_default());
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
    let pruned = call.api.networks.prune(|network| filter.fits(network.created_ns, &network.labels)).await?;
    Answer::json(&NetworkPruneResponse { networks_deleted: (!pruned.is_empty()).then_some(pruned) })
}

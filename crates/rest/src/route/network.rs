//! Networks: which there are. None is made or changed by request yet.

use ::http::Method;
use engine_api::network::{NetworkInspectQuery, NetworkListQuery};
use network::SCOPE;

use crate::convert;
use crate::failure::Failure;
use crate::filter::network::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::table::Table;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/networks", list);
    table.on(Method::GET, "/networks/{id}", inspect);
}

async fn list(call: Call<NetworkListQuery>) -> Outcome {
    let filter = Filter::new(call.query.filters)?;
    let networks = call.api.network.networks().await;
    let shown = networks.iter().filter(|info| filter.shows(info));
    Answer::json(&shown.map(|info| convert::network::network(info, &[], call.version)).collect::<Vec<_>>())
}

async fn inspect(call: Call<NetworkInspectQuery>) -> Outcome {
    let scope = &call.query.scope;
    if !scope.is_empty() && scope != SCOPE {
        return Err(Failure::not_found(format!("network {} not found", call.name)));
    }
    let info = call.api.network.find(&call.name).await?;
    Answer::json(&convert::network::network(&info, &call.api.containers.list(), call.version))
}

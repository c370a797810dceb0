//! Networks: which there are. None is made or changed by request yet.

use ::http::Method;
use engine_api::network::{NetworkInspectQuery, NetworkListQuery};
use network::NetworkInfo;

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
    let networks = call.api.network.networks().await;
    let in_scope = |info: &&NetworkInfo| call.query.scope.is_empty() || info.scope == call.query.scope;
    let candidates: Vec<_> = networks.iter().filter(in_scope).collect();
    let info = find(&candidates, &call.name)?;
    Answer::json(&convert::network::network(info, &call.api.containers.list(), call.version))
}

/// By whole id, then by name, then by the beginning of an id, as Docker looks it up.
fn find<'n>(networks: &[&'n NetworkInfo], reference: &str) -> Result<&'n NetworkInfo, Failure> {
    let whole = networks.iter().find(|info| info.id == reference);
    if let Some(info) = whole.or_else(|| networks.iter().find(|info| info.name == reference)) {
        return Ok(info);
    }
    let begin: Vec<_> = networks.iter().filter(|info| info.id.starts_with(reference)).collect();
    match begin.as_slice() {
        [info] => Ok(info),
        [] => Err(Failure::not_found(format!("network {reference} not found"))),
        _ => Err(Failure::invalid(format!(
            "network {reference} is ambiguous ({} matches found on ID prefix)",
            begin.len()
        ))),
    }
}

//! `POST /containers/prune`.

use engine_api::container::{ContainerPruneResponse, PruneQuery};

use crate::filter::prune::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn prune(call: Call<PruneQuery>) -> Outcome {
    let filter = Filter::new(&call.query.filters, swarm_api::now_ns())?;
    let wanted = |record: &engine::Record| filter.fits(record.created_ns, &record.spec.config.labels);
    let pruned = call.api.containers.prune(wanted).await?;
    let containers_deleted = (!pruned.ids.is_empty()).then_some(pruned.ids);
    Answer::json(&ContainerPruneResponse { containers_deleted, space_reclaimed: pruned.bytes })
}

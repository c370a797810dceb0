//! `POST /containers/prune`.

use engine_api::container::{ContainerPruneResponse, PruneQuery};

use crate::filter::prune::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn prune(call: Call<PruneQuery>) -> Outcome {
    let filter = Filter::new(&call.query.filters, swarm_api::now_ns())?;
    let wanted = |record: &engine::Record| filter.fits(record.created_ns, &record.spec.config.labels);
    let removed = call.api.containers.prune(wanted).await?;
    let containers_deleted = (!removed.is_empty()).then_some(removed);
    Answer::json(&ContainerPruneResponse { containers_deleted, space_reclaimed: 0 })
}

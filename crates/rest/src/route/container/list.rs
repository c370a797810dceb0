//! `GET /containers/json`.

use engine::{Record, Status};
use engine_api::container::ListQuery;

use crate::convert::{self, container::ImageNames};
use crate::failure::Failure;
use crate::filter::container::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn list(call: Call<ListQuery>) -> Outcome {
    let ListQuery { all, limit, filters, .. } = call.query;
    let mut filter = Filter::new(filters)?;
    // A name that means no image shows nothing, but is no error.
    for name in filter.references("ancestor").to_vec() {
        if let Ok(image) = call.api.images.get(&name).await {
            filter.ancestors.insert(image.id.clone());
        }
    }
    let made = |reference: &String| Ok::<i64, Failure>(call.api.containers.inspect(reference)?.created_ns);
    filter.before_ns =
        filter.references("before").iter().map(made).collect::<Result<Vec<_>, _>>()?.into_iter().min();
    filter.since_ns =
        filter.references("since").iter().map(made).collect::<Result<Vec<_>, _>>()?.into_iter().max();

    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let runs = |record: &Record| {
        matches!(record.state.status, Status::Running | Status::Paused | Status::Restarting)
    };
    let every = all || limit.is_some() || filter.wants_all();
    let records = call.api.containers.list();
    let shown = records.iter().filter(|record| (every || runs(record)) && filter.shows(record));
    let names = ImageNames::new(&call.api.images.list().await?);
    let now = swarm_api::now_ns();
    let summaries = shown
        .take(limit.unwrap_or(usize::MAX))
        .map(|record| convert::container::summary(record, &names, call.version, now));
    Answer::json(&summaries.collect::<Vec<_>>())
}

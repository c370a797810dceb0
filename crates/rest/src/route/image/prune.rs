//! `POST /images/prune`: removes the images that no container uses, nameless ones only unless it is told otherwise.

use engine::event::{Actor, Event, EventKind};
use engine_api::container::PruneQuery;
use engine_api::image::ImagePruneResponse;
use image::PruneOptions;

use super::{in_use, remove};
use crate::convert;
use crate::filter::{self, prune::Filter};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

const DANGLING: &str = "dangling";

pub(super) async fn prune(call: Call<PruneQuery>) -> Outcome {
    let mut filters = call.query.filters;
    let dangling = filter::flag(&filters, DANGLING)?.unwrap_or(true);
    filters.0.remove(DANGLING);
    let filter = Filter::new(&filters, swarm_api::now_ns())?;
    let wanted = move |image: &image::Image| {
        (!dangling || image.repo_tags.is_empty())
            && filter.fits(convert::image::created_ns(image), image.labels())
    };
    let options = PruneOptions { in_use: in_use(&call.api) };
    let pruned = call.api.images.prune(wanted, options).await?;
    let mut deleted = Vec::new();
    for (image, effects) in &pruned.images {
        remove::publish_effects(&call.api, image, effects);
        deleted.extend(effects.iter().map(convert::image::removed));
    }
    // Of no image in particular: Docker's actor has no id then.
    let attributes = [("reclaimed".to_owned(), pruned.bytes.to_string())].into();
    call.api.events.publish(Event {
        kind: EventKind::Image,
        action: "prune".to_owned(),
        actor: Actor { id: String::new(), attributes },
        time_ns: swarm_api::now_ns(),
    });
    let images_deleted = (!deleted.is_empty()).then_some(deleted);
    Answer::json(&ImagePruneResponse { images_deleted, space_reclaimed: pruned.bytes })
}

//! Images.

mod create;
pub(crate) mod credentials;
mod load;
mod progress;
mod prune;
mod push;
mod read;
mod remove;
mod save;
mod tag;

use ::http::Method;
use engine::event::{Actor, Event, EventKind};
use engine::{Record, Status};
use image::{Image, ImageUse};

use crate::Api;
use crate::http::table::Table;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/images/json", read::list);
    table.on(Method::GET, "/images/{name}/json", read::inspect);
    table.on(Method::GET, "/images/{name}/history", read::history);
    table.on(Method::POST, "/images/create", create::create);
    table.on(Method::POST, "/images/load", load::load);
    table.on(Method::POST, "/images/{name}/push", push::push);
    table.on(Method::POST, "/images/prune", prune::prune);
    table.on(Method::GET, "/images/get", save::many);
    table.on(Method::GET, "/images/{name}/get", save::one);
    table.on(Method::POST, "/images/{name}/tag", tag::tag);
    table.on(Method::DELETE, "/images/{name}", remove::remove);
}

/// The containers there are, as far as images are concerned.
fn in_use(api: &Api) -> Vec<ImageUse> {
    let records = api.containers.list();
    let user = |record: &Record, image: &str| ImageUse {
        image_id: image.to_owned(),
        container_id: record.id.clone(),
        running: runs(record),
    };
    records.iter().flat_map(|record| record.images().map(move |image| user(record, image))).collect()
}

/// Whether a container runs, as far as images are concerned.
pub(super) fn runs(record: &Record) -> bool {
    matches!(record.state.status, Status::Running | Status::Paused | Status::Restarting)
}

/// Tells listeners what happened to an image.
fn publish(api: &Api, action: &str, id: &str, name: &str, image: Option<&Image>) {
    let mut attributes = image.map(|image| image.labels().clone()).unwrap_or_default();
    attributes.insert("name".to_owned(), name.to_owned());
    api.events.publish(Event {
        kind: EventKind::Image,
        action: action.to_owned(),
        actor: Actor { id: id.to_owned(), attributes },
        time_ns: swarm_api::now_ns(),
    });
}

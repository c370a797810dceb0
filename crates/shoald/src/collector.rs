//! Looks after the disk: asks the images each minute, and whenever content comes, whether unused ones must go.
//!
//! Inputs: images, the containers there are. Outputs: removals, an event for each, and a line in the log that says why.

use std::time::Duration;

use engine::event::{Actor, Event, EventKind};
use engine::{Containers, Events, Record, Status};
use image::{Image, ImageUse, Images, Removed};
use tokio::time::sleep;

use crate::run::now_ns;

/// How often the disk is looked at when nothing comes.
const PERIOD: Duration = Duration::from_secs(60);
/// How long it is not looked at again: content often comes in many pieces.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs for the life of the daemon.
pub(crate) async fn run(images: Images, containers: Containers, events: Events) {
    loop {
        round(&images, &containers, &events).await;
        sleep(PAUSE).await;
        tokio::select! {
            () = sleep(PERIOD) => {}
            () = images.arrival() => {}
        }
    }
}

async fn round(images: &Images, containers: &Containers, events: &Events) {
    let user = |record: &Record, image: &str| ImageUse {
        image_id: image.to_owned(),
        container_id: record.id.clone(),
        running: matches!(record.state.status, Status::Running | Status::Paused | Status::Restarting),
    };
    let records = containers.list();
    let in_use =
        records.iter().flat_map(|record| record.images().map(move |image| user(record, image))).collect();
    let collected = match images.collect(in_use).await {
        Ok(Some(collected)) => collected,
        Ok(None) => return,
        Err(error) => return tracing::warn!(%error, "unused images are not collected"),
    };
    let count = collected.pruned.images.len();
    if count == 0 {
        return tracing::debug!(reason = collected.reason, "no image can go");
    }
    tracing::info!(
        reason = collected.reason,
        count,
        bytes = collected.pruned.bytes,
        "unused images are removed"
    );
    for (image, effects) in &collected.pruned.images {
        for effect in effects {
            match effect {
                Removed::Untagged(name) => publish(events, "untag", name, image),
                Removed::Deleted(id) if *id == image.id => publish(events, "delete", id, image),
                // A layer is no object of the API.
                Removed::Deleted(_) => {}
            }
        }
    }
}

fn publish(events: &Events, action: &str, name: &str, image: &Image) {
    let mut attributes = image.labels().clone();
    attributes.insert("name".to_owned(), name.to_owned());
    let actor = Actor { id: image.id.clone(), attributes };
    events.publish(Event { kind: EventKind::Image, action: action.to_owned(), actor, time_ns: now_ns() });
}

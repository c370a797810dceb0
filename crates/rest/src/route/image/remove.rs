//! `DELETE /images/{name}`: removes a name, or an image with its last name.

use engine::Status;
use engine_api::image::ImageRemoveQuery;
use image::{ImageUse, RemoveOptions, Removed};

use super::publish;
use crate::convert;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn remove(call: Call<ImageRemoveQuery>) -> Outcome {
    let in_use = call.api.containers.list().into_iter().map(|record| ImageUse {
        image_id: record.image_id.clone(),
        container_id: record.id.clone(),
        running: matches!(record.state.status, Status::Running | Status::Paused | Status::Restarting),
    });
    let options =
        RemoveOptions { force: call.query.force, no_prune: call.query.noprune, in_use: in_use.collect() };
    let image = call.api.images.get(&call.name).await?;
    let removed = call.api.images.remove(&call.name, options).await?;
    for effect in &removed {
        match effect {
            Removed::Untagged(name) => publish(&call.api, "untag", &image.id, name, Some(&image)),
            Removed::Deleted(id) if *id == image.id => publish(&call.api, "delete", id, id, Some(&image)),
            // A layer is no object of the API.
            Removed::Deleted(_) => {}
        }
    }
    Answer::json(&removed.iter().map(convert::image::removed).collect::<Vec<_>>())
}

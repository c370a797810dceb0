//! `DELETE /images/{name}`: removes a name, or an image with its last name.

use engine_api::image::ImageRemoveQuery;
use image::{Image, RemoveOptions, Removed};

use super::{in_use, publish};
use crate::Api;
use crate::convert;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn remove(call: Call<ImageRemoveQuery>) -> Outcome {
    let platforms = call.query.platforms.iter().map(|text| convert::platform::platform(text));
    let options = RemoveOptions {
        force: call.query.force,
        no_prune: call.query.noprune,
        in_use: in_use(&call.api),
        platforms: platforms.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
    };
    let image = call.api.images.get(&call.name).await?;
    let removed = call.api.images.remove(&call.name, options).await?;
    publish_effects(&call.api, &image, &removed);
    Answer::json(&removed.iter().map(convert::image::removed).collect::<Vec<_>>())
}

/// Tells listeners what a removal did; a layer is no object of the API.
pub(super) fn publish_effects(api: &Api, image: &Image, effects: &[Removed]) {
    for effect in effects {
        match effect {
            Removed::Untagged(name) => publish(api, "untag", &image.id, name, Some(image)),
            Removed::Deleted(id) if *id == image.id => publish(api, "delete", id, id, Some(image)),
            Removed::Deleted(_) => {}
        }
    }
}

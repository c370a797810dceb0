//! `POST /images/{name}/tag`: gives an image a further name.

use ::http::StatusCode;
use engine_api::image::ImageTagQuery;

use super::publish;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn tag(call: Call<ImageTagQuery>) -> Outcome {
    let ImageTagQuery { repo, tag } = call.query;
    if repo.is_empty() {
        return Err(Failure::invalid("invalid reference format: repo must be set"));
    }
    let target = if tag.is_empty() { repo } else { format!("{repo}:{tag}") };
    call.api.images.tag(&call.name, &target).await?;
    let image = call.api.images.get(&call.name).await?;
    publish(&call.api, "tag", &image.id, &target, Some(&image));
    Answer::empty(StatusCode::CREATED)
}

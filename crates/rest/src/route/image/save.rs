//! `GET /images/get` and `GET /images/{name}/get`: images as an archive.

use ::http::HeaderValue;
use engine_api::image::{ImageGetQuery, ImageSaveQuery};

use super::publish;
use crate::Api;
use crate::convert;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

const TAR: HeaderValue = HeaderValue::from_static("application/x-tar");

pub(super) async fn one(call: Call<ImageGetQuery>) -> Outcome {
    save(&call.api, &[call.name], &call.query.platform).await
}

pub(super) async fn many(call: Call<ImageSaveQuery>) -> Outcome {
    save(&call.api, &call.query.names, &call.query.platform).await
}

async fn save(api: &Api, names: &[String], platform: &str) -> Outcome {
    let platform = convert::platform::platform(platform)?;
    let (images, archive) = api.images.save(names, platform.as_deref()).await?;
    for image in images {
        publish(api, "save", &image.id, &image.id, Some(&image));
    }
    Ok(Answer::streamed(TAR, archive))
}

//! `POST /images/{name}/push`: sends an image to its registry.

use engine_api::image::{ImagePushQuery, ProgressMessage, PushResult};
use image::Pushed;
use serde::Deserialize;

use super::credentials::credentials;
use super::{progress, publish};
use crate::Api;
use crate::failure::Failure;
use crate::http::answer::Outcome;
use crate::http::call::Call;

/// The platform as this parameter has it.
#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

pub(super) async fn push(call: Call<ImagePushQuery>) -> Outcome {
    let Call { api, query, name, .. } = call;
    if name.contains('@') {
        return Err(Failure::invalid("cannot push a digest reference"));
    }
    let auth = credentials(&query.registry_auth)?;
    let tag = (!query.tag.is_empty()).then_some(query.tag);
    let full = tag.as_ref().map_or_else(|| name.clone(), |tag| format!("{name}:{tag}"));
    if !query.platform.is_empty() {
        has_platform(&api, &full, &query.platform).await?;
    }
    progress::told(move |sender| async move {
        let pushed = api.images.push(&name, tag.as_deref(), auth, sender).await?;
        publish(&api, "push", &full, &name, api.images.get(&full).await.ok().as_deref());
        Ok(pushed.into_iter().flat_map(told).collect())
    })
    .await
}

/// An image here is for one platform, which must be the one that is asked for.
async fn has_platform(api: &Api, name: &str, wanted: &str) -> Result<(), Failure> {
    let wanted: Platform = serde_json::from_str(wanted)
        .map_err(|error| Failure::invalid(format!("invalid platform: {error}")))?;
    let image = api.images.get(name).await?;
    let variant = image.variant.clone().unwrap_or_default();
    let is = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
    if is(&wanted.os, &image.os)
        && is(&wanted.architecture, &image.architecture)
        && is(&wanted.variant, &variant)
    {
        return Ok(());
    }
    let platform = format!("{}/{}", wanted.os, wanted.architecture);
    Err(Failure::not_found(format!(
        "image with reference {name} was found but does not provide the specified platform ({platform})"
    )))
}

/// Docker tells people and programs apart.
fn told(pushed: Pushed) -> [ProgressMessage; 2] {
    let Pushed { tag, digest, size } = pushed;
    let status = Some(format!("{tag}: digest: {digest} size: {size}"));
    let aux = serde_json::to_value(PushResult { tag, digest, size }).ok();
    [
        ProgressMessage { status, ..ProgressMessage::default() },
        ProgressMessage { aux, progress_detail: Some(Default::default()), ..ProgressMessage::default() },
    ]
}

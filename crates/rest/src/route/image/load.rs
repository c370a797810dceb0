//! `POST /images/load`: takes in an archive of images.

use engine_api::image::ImageLoadQuery;

use super::{progress, publish};
use crate::convert;
use crate::http::answer::Outcome;
use crate::http::body::Upload;
use crate::http::call::Call;

pub(super) async fn load(call: Call<ImageLoadQuery, Upload>) -> Outcome {
    let Call { api, query, body, .. } = call;
    let platform = convert::platform::platform(&query.platform)?;
    progress::told(move |sender| async move {
        // Nobody reads a quiet load's lines; the work drops what does not fit.
        let sender = if query.quiet { tokio::sync::mpsc::channel(1).0 } else { sender };
        let loaded = api.images.load(body.reader(), platform.as_deref(), sender).await?;
        let mut lines = Vec::with_capacity(loaded.len());
        for image in loaded {
            publish(
                &api,
                "load",
                &image.image_id,
                image.reference.as_deref().unwrap_or(&image.image_id),
                None,
            );
            lines.push(convert::image::line(match image.reference {
                Some(name) => format!("Loaded image: {name}\n"),
                None => format!("Loaded image ID: {}\n", image.image_id),
            }));
        }
        Ok(lines)
    })
    .await
}

//! `POST /images/create`: pulls from a registry, or imports the body.

use engine_api::image::{ImageCreateQuery, ProgressMessage};
use image::{ImportOptions, RegistryAuth};

use super::{credentials::credentials, progress, publish};
use crate::Api;
use crate::failure::Failure;
use crate::http::answer::Outcome;
use crate::http::body::Upload;
use crate::http::call::Call;

pub(super) async fn create(call: Call<ImageCreateQuery, Upload>) -> Outcome {
    let Call { api, query, body, .. } = call;
    match (query.from_image.is_empty(), query.from_src.as_str()) {
        (false, _) => pull(api, query).await,
        (true, "") => Err(Failure::invalid("fromImage or fromSrc must be set")),
        (true, _) => import(api, query, body).await,
    }
}

async fn pull(api: Api, query: ImageCreateQuery) -> Outcome {
    let auth = credentials(&query.registry_auth)?;
    let platform = (!query.platform.is_empty()).then_some(query.platform);
    let Some(reference) = reference(&query.from_image, &query.tag) else {
        return pull_all(api, query.from_image, platform, auth).await;
    };
    progress::told(move |sender| async move {
        let image = api.images.pull(&reference, platform.as_deref(), auth, sender).await?;
        publish(&api, "pull", &reference, &reference, Some(&image));
        Ok(Vec::new())
    })
    .await
}

/// All tags of a repository.
async fn pull_all(
    api: Api,
    repository: String,
    platform: Option<String>,
    auth: Option<RegistryAuth>,
) -> Outcome {
    progress::told(move |sender| async move {
        let images = api.images.pull_all(&repository, platform.as_deref(), auth, sender).await?;
        for (name, image) in &images {
            publish(&api, "pull", name, name, Some(image));
        }
        Ok(Vec::new())
    })
    .await
}

async fn import(api: Api, query: ImageCreateQuery, body: Upload) -> Outcome {
    let named = match (query.repo.as_str(), query.tag.as_str()) {
        ("", _) => None,
        (repo, "") => Some(repo.to_owned()),
        (repo, tag) => Some(format!("{repo}:{tag}")),
    };
    let source = query.from_src;
    let options = ImportOptions {
        reference: named.clone(),
        message: (!query.message.is_empty()).then_some(query.message),
        changes: query.changes,
        platform: (!query.platform.is_empty()).then_some(query.platform),
    };
    progress::told(move |sender| async move {
        let image = match source.as_str() {
            "-" => api.images.import(body.reader(), options, sender).await?,
            url => api.images.import_from(url, options, sender).await?,
        };
        publish(&api, "import", &image.id, named.as_deref().unwrap_or(&image.id), Some(&image));
        let status = Some(image.id.clone());
        Ok(vec![ProgressMessage { status, ..ProgressMessage::default() }])
    })
    .await
}

/// Name and tag as one; a digest may stand in either. Without tag and digest all tags are meant: `None`.
fn reference(name: &str, tag: &str) -> Option<String> {
    if name.contains('@') {
        return Some(name.to_owned());
    }
    let tagged = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    let bare = tagged.map_or(name, |(bare, _)| bare);
    match tag {
        "" => tagged.map(|_| name.to_owned()),
        digest if digest.contains(':') => Some(format!("{bare}@{digest}")),
        tag => Some(format!("{bare}:{tag}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tags_and_digests() {
        assert_eq!(reference("busybox", "latest").as_deref(), Some("busybox:latest"));
        assert_eq!(reference("busybox:1", "").as_deref(), Some("busybox:1"));
        assert_eq!(reference("busybox:1", "2").as_deref(), Some("busybox:2"));
        assert_eq!(reference("r:5000/a", "").as_deref(), None);
        assert_eq!(reference("r:5000/a", "1").as_deref(), Some("r:5000/a:1"));
        assert_eq!(reference("busybox", "sha256:00").as_deref(), Some("busybox@sha256:00"));
        assert_eq!(reference("busybox@sha256:00", "").as_deref(), Some("busybox@sha256:00"));
    }
}

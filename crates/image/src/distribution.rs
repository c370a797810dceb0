//! What a registry has under a name, without fetching it.

use serde::Deserialize;

use crate::{
    Distribution, Error, Images, RegistryAuth, Result,
    config::ImageFile,
    manifest::{Document, MAX_CONFIG_BYTES, OCI_INDEX, OCI_MANIFEST},
    reference::Reference,
    registry::{Client, endpoints},
};

impl Images {
    /// Descriptor and platforms of what a name leads to at its registry. Mirrors are not asked: what counts is the origin.
    ///
    /// # Errors
    /// If the name is wrong, or the registry does not have it, refuses, or does not answer.
    pub async fn distribution(&self, reference: &str, auth: Option<RegistryAuth>) -> Result<Distribution> {
        let reference = Reference::parse(reference)?.or_latest();
        let mut failure = None;
        for endpoint in endpoints(&reference, &self.config()).into_iter().filter(|e| e.is_origin) {
            let client = Client::new(endpoint, reference.clone(), auth.clone())?;
            match look(&client, &reference).await {
                Err(error) => failure = failure.or(Some(error)),
                found => return found,
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoSuchImage(reference.familiar())))
    }
}

/// What a document says it is; OCI's may leave that out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: Option<String>,
}

async fn look(client: &Client, reference: &Reference) -> Result<Distribution> {
    let digest = reference.digest.map(|digest| digest.to_string());
    let name = digest.or_else(|| reference.tag.clone()).unwrap_or_default();
    let top = client.document(&name, reference.digest).await?;
    let told = serde_json::from_slice::<Typed>(&top.bytes).ok().and_then(|typed| typed.media_type);
    let plain = if matches!(top.document, Document::Index(_)) { OCI_INDEX } else { OCI_MANIFEST };
    let media_type = told.unwrap_or_else(|| plain.to_owned());
    let platforms = match top.document {
        Document::Index(entries) => {
            let platforms = entries.into_iter().filter_map(|entry| entry.platform);
            platforms.map(|platform| (platform.os, platform.architecture, platform.variant)).collect()
        }
        Document::Manifest(manifest) => {
            let limit = manifest.config.size.min(MAX_CONFIG_BYTES);
            let bytes = client.small_blob(&manifest.config.digest, limit).await?;
            let wrong = |error: serde_json::Error| Error::Malformed(format!("image configuration: {error}"));
            let file: ImageFile = serde_json::from_slice(&bytes).map_err(wrong)?;
            vec![(file.os, file.architecture, file.variant)]
        }
    };
    Ok(Distribution { media_type, digest: top.digest.to_string(), size: top.bytes.len() as u64, platforms })
}

//! Manifests and indexes of images: reading hostile ones, writing our own.
//!
//! Inputs: bytes whose digest was verified, and the media type they came with. Outputs: [`Document`].
//! A document that could be read both as a manifest and as an index, or that is another kind than its media type says,
//! is refused: two programs must not see two images behind one digest (CVE-2021-41190).
//! Source: the OCI image specification, `manifest.md`, `image-index.md`; Docker's image manifest version 2, schema 2.

mod key;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, digest::Digest, platform::Platform};

/// Largest manifest or index that is read, in bytes; registries themselves refuse more.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Largest image configuration that is read, in bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 4 << 20;
/// Most layers of an image; overlayfs stacks no more than 500, Docker allows 128.
pub(crate) const MAX_LAYERS: usize = 128;
/// Most entries of an index.
const MAX_INDEX_ENTRIES: usize = 4096;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// A pointer to content, with its size in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<std::collections::BTreeMap<String, String>>,
    /// Where else the content is, as foreign layers have it; never followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) urls: Vec<String>,
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: None,
            urls: Vec::new(),
        }
    }
}

/// Content of the file `oci-layout`.
pub(crate) const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// An `index.json` of our own.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layout {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

impl Layout {
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Self {
        Layout { schema_version: 2, media_type: OCI_INDEX, manifests }
    }
}

/// The manifest of one image.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u8,
    pub(crate) media_type: String,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

impl Manifest {
    /// A manifest of our own, for images that came without one.
    pub(crate) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
        Manifest { schema_version: 2, media_type: OCI_MANIFEST.to_owned(), config, layers }
    }

    /// The bytes whose digest is the manifest's.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest of strings and numbers is always JSON")
    }
}

/// What a registry or archive has under a name.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    /// One image.
    Manifest(Box<Manifest>),
    /// Images for several platforms.
    Index(Vec<Descriptor>),
}

/// Every field that tells the kinds of documents apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u8,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Document {
    /// Reads a document; `announced` is the media type of the response or descriptor it came with, if any.
    pub(crate) fn parse(bytes: &[u8], announced: Option<&str>) -> Result<Document> {
        key::check(bytes).map_err(|e| malformed(format!("manifest: {e}")))?;
        let raw: Raw = serde_json::from_slice(bytes).map_err(|e| malformed(format!("manifest: {e}")))?;
        if raw.schema_version != 2 || raw.fs_layers.is_some() {
            return Err(malformed("the registry has it only in the outdated manifest version 2, schema 1, which is not supported: push it \
                 again with a newer client".to_owned()));
        }
        let announced =
            announced.map(|t| t.split(';').next().unwrap_or_default().trim()).filter(|t| is_known(t));
        let media_type = match (raw.media_type.as_deref(), announced) {
            (Some(own), Some(other)) if own != other => {
                return Err(malformed(format!("manifest says it is {own:?} and came as {other:?}")));
            }
            (own, other) => own.or(other).map(str::to_owned),
        };
        match (raw.config, raw.layers, raw.manifests) {
            (Some(config), Some(layers), None) => {
                let media_type = media_type.unwrap_or_else(|| OCI_MANIFEST.to_owned());
                manifest(Manifest { schema_version: 2, media_type, config, layers })
                    .map(|manifest| Document::Manifest(Box::new(manifest)))
            }
            (None, None, Some(entries)) => index(media_type.as_deref(), entries).map(Document::Index),
            _ => Err(malformed("document is neither a manifest nor an index".to_owned())),
        }
    }
}

fn manifest(manifest: Manifest) -> Result<Manifest> {
    if !matches!(manifest.media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST) {
        return Err(malformed(format!("a manifest cannot have the media type {:?}", manifest.media_type)));
    }
    if !matches!(manifest.config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG) {
        return Err(malformed(format!(
            "{:?} is not the configuration of an image",
            manifest.config.media_type
        )));
    }
    if manifest.config.size > MAX_CONFIG_BYTES {
        return Err(Error::TooLarge { what: "image configuration".to_owned(), limit: MAX_CONFIG_BYTES });
    }
    if manifest.layers.len() > MAX_LAYERS {
        return Err(malformed(format!("{} layers are more than {MAX_LAYERS}", manifest.layers.len())));
    }
    if let Some(layer) = manifest.layers.iter().find(|layer| is_foreign(layer)) {
        return Err(malformed(format!(
            "layer {} is a foreign (non-distributable) layer, which is not supported",
            layer.digest
        )));
    }
    match manifest.layers.iter().find(|layer| !is_layer(&layer.media_type)) {
        Some(layer) => Err(malformed(format!("{:?} is not a layer of an image", layer.media_type))),
        None => Ok(manifest),
    }
}

fn index(media_type: Option<&str>, entries: Vec<Descriptor>) -> Result<Vec<Descriptor>> {
    if let Some(other) = media_type.filter(|t| !matches!(*t, OCI_INDEX | DOCKER_INDEX)) {
        return Err(malformed(format!("an index cannot have the media type {other:?}")));
    }
    if entries.len() > MAX_INDEX_ENTRIES {
        return Err(malformed(format!(
            "{} entries of an index are more than {MAX_INDEX_ENTRIES}",
            entries.len()
        )));
    }
    Ok(entries)
}

/// The entry of an index that serves a platform best; the first among equals.
pub(crate) fn choose<'a>(entries: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    let score = |entry: &Descriptor| entry.platform.as_ref().and_then(|platform| platform.serves(wanted));
    entries.iter().rev().filter(|entry| score(entry).is_some()).max_by_key(|entry| score(entry))
}

fn is_known(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_INDEX)
}

/// Compression is told by the first bytes, so the suffix does not matter.
fn is_layer(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.")
}

/// A layer that its registry need not have: it may lie at any address.
fn is_foreign(layer: &Descriptor) -> bool {
    let kind = &layer.media_type;
    !layer.urls.is_empty() || kind.contains(".nondistributable.") || kind.contains(".foreign.")
}

fn malformed(words: String) -> Error {
    Error::Malformed(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(media_type: &str, platform: &str) -> String {
        let digest = Digest::of(b"x");
        let (os, arch) = platform.split_once('/').unwrap_or(("linux", "amd64"));
        format!(
            r#"{{"mediaType":"{media_type}","digest":"{digest}","size":1,"platform":{{"os":"{os}","architecture":"{arch}"}}}}"#
        )
    }

    fn image(extra: &str) -> String {
        let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", "");
        format!(r#"{{"schemaVersion":2,{extra}"config":{},"layers":[{layer}]}}"#, descriptor(OCI_CONFIG, ""))
    }

    #[test]
    fn manifest_and_index_are_told_apart() {
        assert!(matches!(Document::parse(image("").as_bytes(), None), Ok(Document::Manifest(_))));
        let index =
            format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptor(OCI_MANIFEST, "linux/arm64"));
        assert!(matches!(Document::parse(index.as_bytes(), Some(OCI_INDEX)), Ok(Document::Index(_))));
        assert!(Document::parse(index.as_bytes(), Some(OCI_MANIFEST)).is_err());
    }

    #[test]
    fn ambiguous_documents_are_refused() {
        for extra in [r#""manifests":[],"#, r#""fsLayers":[],"#, r#""mediaType":"text/plain","#] {
            assert!(Document::parse(image(extra).as_bytes(), None).is_err(), "{extra}");
        }
        let typed = image(&format!(r#""mediaType":"{DOCKER_MANIFEST}","#));
        assert!(Document::parse(typed.as_bytes(), Some(OCI_MANIFEST)).is_err());
        assert!(Document::parse(typed.as_bytes(), Some("application/json; charset=utf-8")).is_ok());
        assert!(Document::parse(b"[]", None).is_err() && Document::parse(b"", None).is_err());
        assert!(Document::parse(br#"{"schemaVersion":1}"#, None).is_err());
    }

    #[test]
    fn foreign_layers_are_told() {
        let foreign = image("").replace(r#""layers":[{"#, r#""layers":[{"urls":["https://elsewhere"],"#);
        let typed = image("").replace("oci.image.layer.v1", "oci.image.layer.nondistributable.v1");
        for text in [foreign, typed] {
            let error = Document::parse(text.as_bytes(), None).unwrap_err().to_string();
            assert!(
                error.ends_with("is a foreign (non-distributable) layer, which is not supported"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_right_platform_is_chosen() {
        let entries: Vec<Descriptor> = ["linux/arm64", "linux/amd64", "linux/amd64", "unknown/unknown"]
            .iter()
            .map(|p| serde_json::from_str(&descriptor(OCI_MANIFEST, p)).unwrap())
            .collect();
        let wanted: Platform = "linux/amd64".parse().unwrap();
        let chosen = choose(&entries, &wanted).unwrap();
        assert!(std::ptr::eq(chosen, &entries[1]));
        assert!(choose(&entries, &"linux/s390x".parse().unwrap()).is_none());
    }
}

//! Inputs that are parsed and nothing else. Pure.

use reqwest::Url;

use crate::{
    Config,
    archive::Extended,
    assembly,
    config::ImageFile,
    import::change as changes,
    manifest::{self, DOCKER_INDEX, DOCKER_MANIFEST, Document, MAX_LAYERS, OCI_INDEX, OCI_MANIFEST},
    platform::Platform,
    reference::Reference,
    registry::challenge as challenges,
};

/// A manifest: whatever it is announced as, it is the same kind of document, of the kind it was announced as.
pub fn manifest(bytes: &[u8]) {
    let kinds = [None, Some(OCI_MANIFEST), Some(DOCKER_MANIFEST), Some(OCI_INDEX), Some(DOCKER_INDEX)];
    let mut seen = None;
    for announced in kinds {
        let Ok(document) = Document::parse(bytes, announced) else { continue };
        let is_index = matches!(document, Document::Index(_));
        assert_eq!(*seen.get_or_insert(is_index), is_index, "a manifest and an index in one");
        if let Some(announced) = announced {
            assert_eq!(matches!(announced, OCI_INDEX | DOCKER_INDEX), is_index, "it came as {announced}");
        }
        if let Document::Manifest(manifest) = document {
            assert!(manifest.layers.len() <= MAX_LAYERS);
            let again = Document::parse(&manifest.to_bytes(), Some(&manifest.media_type));
            assert!(matches!(again, Ok(Document::Manifest(_))), "what we write is read back");
        }
    }
}

/// An index: the entry that is chosen serves this machine.
pub fn index(bytes: &[u8]) {
    manifest(bytes);
    let Ok(Document::Index(entries)) = Document::parse(bytes, Some(OCI_INDEX)) else { return };
    let host = Platform::host();
    if let Some(chosen) = manifest::choose(&entries, &host) {
        let platform = chosen.platform.as_ref().expect("only entries with a platform are chosen");
        assert!(platform.serves(&host).is_some());
    }
}

/// The configuration of an image: what is written of it is read back the same.
pub fn config(bytes: &[u8]) {
    let Ok(file) = assembly::read_config(bytes) else { return };
    if let Ok(layers) = assembly::diff_ids(&file) {
        assert!(layers.len() <= MAX_LAYERS);
    }
    let written = serde_json::to_vec(&file).expect("what was read can be written");
    let again: ImageFile = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, file);
}

/// A name: its forms lead back to it, and in an address it is what it is and nothing else.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = text.parse::<Platform>();
    let Ok(reference) = Reference::parse(text) else { return };
    assert_eq!(Reference::parse(&reference.to_string()).ok().as_ref(), Some(&reference), "long form");
    assert_eq!(Reference::parse(&reference.familiar()).ok().as_ref(), Some(&reference), "short form");
    let tag = reference.tag.as_deref().unwrap_or("latest");
    let path = format!("/v2/{}/manifests/{tag}", reference.path);
    // Not every domain of the grammar is an address: ports may be too high, numbers no address.
    let Ok(url) = Url::parse(&format!("https://{}{path}", reference.domain)) else { return };
    assert_eq!(url.path(), path);
    assert!(url.username().is_empty() && url.password().is_none());
    assert!(url.query().is_none() && url.fragment().is_none());
}

/// A registry's `WWW-Authenticate`.
pub fn challenge(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(challenges::Challenge::Bearer { realm, .. }) = challenges::parse(text)
    {
        assert!(realm.len() <= text.len());
    }
}

/// The lines of `--change`: what they make is a configuration that can be written and read.
pub fn change(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut config = Config::default();
    for line in text.lines() {
        let _ = changes::apply(&mut config, line);
    }
    let written = serde_json::to_vec(&config).expect("what was read can be written");
    let again: Config = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, config);
    assert!(config.working_dir.is_empty() || config.working_dir.starts_with('/'));
    assert!(!config.working_dir.split('/').any(|part| part == ".."));
}

/// The records of a POSIX extended header.
pub fn extended_header(bytes: &[u8]) {
    let mut extended = Extended::default();
    if extended.read(bytes).is_ok()
        && let Some((_, nanos)) = extended.mtime
    {
        assert!(nanos < 1_000_000_000);
    }
}

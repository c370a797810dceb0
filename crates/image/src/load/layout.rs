//! `index.json`, the table of contents of an OCI layout.
//!
//! Source: the OCI image specification, `image-layout.md`; the annotations that Docker and containerd add for names.

use super::{Draft, contents::Contents};
use crate::{
    Error, Result,
    assembly::ManifestFile,
    import,
    manifest::{Descriptor, Document, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, Manifest, choose},
    platform::Platform,
    reference::Reference,
};

/// The full name.
pub(crate) const FULL_NAME: &str = "io.containerd.image.name";
/// The full name or only a tag, depending on who wrote it.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Most indexes within indexes.
const MAX_DEPTH: usize = 3;

/// The images of `index.json`; none if there is no such file.
pub(super) fn read(contents: &Contents, wanted: Option<&Platform>) -> Result<Option<Vec<Draft>>> {
    let Some(file) = contents.find("index.json")? else { return Ok(None) };
    let Document::Index(entries) = Document::parse(&file.bytes(MAX_MANIFEST_BYTES)?, None)? else {
        return Err(Error::Archive("index.json is no index".to_owned()));
    };
    let mut drafts: Vec<Draft> = Vec::new();
    for entry in entries.iter().filter(|entry| is_image(entry)) {
        let Some((manifest, file)) = manifest(contents, entry, wanted, MAX_DEPTH)? else { continue };
        let draft = draft(contents, manifest, file, name(entry)?)?;
        match drafts.iter_mut().find(|other| other.config == draft.config) {
            Some(other) => other.names.extend(draft.names),
            None => drafts.push(draft),
        }
    }
    if drafts.is_empty() && wanted.is_none() {
        return Err(Error::Archive(format!("no image for {} in index.json", Platform::host())));
    }
    Ok(Some(drafts))
}

/// Attestations are listed beside images, for a platform that does not exist.
fn is_image(entry: &Descriptor) -> bool {
    entry.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
}

/// The manifest behind an entry: itself, or in the index it points to that of the wanted platform. If none is wanted, of
/// this machine's, else whichever the archive has.
fn manifest(
    contents: &Contents,
    entry: &Descriptor,
    wanted: Option<&Platform>,
    depth: usize,
) -> Result<Option<(Manifest, ManifestFile)>> {
    let Some((_, blob)) = contents.blob(&entry.digest)? else {
        return Err(Error::Archive(format!("blob {} is missing", entry.digest)));
    };
    let bytes = contents.keep(blob, MAX_MANIFEST_BYTES)?;
    match Document::parse(&bytes, Some(&entry.media_type))? {
        Document::Manifest(manifest) => {
            let media_type = manifest.media_type.clone();
            Ok(Some((*manifest, ManifestFile { bytes, media_type })))
        }
        Document::Index(_) if depth == 0 => {
            Err(Error::Archive("indexes within indexes are too deep".to_owned()))
        }
        Document::Index(entries) => {
            // Archives may leave out the blobs of other platforms.
            let mut there = Vec::new();
            for entry in entries {
                if is_image(&entry) && contents.blob(&entry.digest)?.is_some() {
                    there.push(entry);
                }
            }
            let chosen = match wanted {
                Some(wanted) => choose(&there, wanted),
                None => choose(&there, &Platform::host()).or(there.first()),
            };
            match chosen {
                Some(chosen) => self::manifest(contents, chosen, wanted, depth - 1),
                None => Ok(None),
            }
        }
    }
}

fn draft(
    contents: &Contents,
    manifest: Manifest,
    file: ManifestFile,
    name: Option<Reference>,
) -> Result<Draft> {
    let blob = |descriptor: &Descriptor| {
        let missing = || Error::Archive(format!("blob {} is missing", descriptor.digest));
        contents.blob(&descriptor.digest)?.ok_or_else(missing)
    };
    Ok(Draft {
        config: contents.keep(blob(&manifest.config)?.1, MAX_CONFIG_BYTES)?,
        layers: manifest.layers.iter().map(|layer| Ok(blob(layer)?.0)).collect::<Result<_>>()?,
        manifest: Some(file),
        names: name.into_iter().collect(),
    })
}

/// A bare tag names nothing: only what has a repository is a name.
fn name(entry: &Descriptor) -> Result<Option<Reference>> {
    let Some(annotations) = &entry.annotations else { return Ok(None) };
    let full = annotations.get(FULL_NAME);
    let named = annotations.get(REF_NAME).filter(|name| name.contains([':', '/']));
    full.or(named).map(|name| Reference::parse(name).and_then(import::taggable)).transpose()
}

//! Packs one static program as an OCI image layout in a tar file: the image that ships with the project.
//!
//! The same program gives the same bytes, and so the same image id.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// Name that `shoal load` gives the image.
pub(crate) const IMAGE: &str = "shoal/hello-http:latest";
/// Where the program lies in the image.
const PROGRAM: &str = "hello-http";

/// Writes the image of `program` to `archive`.
pub(crate) fn pack(program: &Path, archive: &Path) -> Result<()> {
    let body = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let mut layer = Builder::new(Vec::new());
    file(&mut layer, PROGRAM, 0o755, &body)?;
    let layer = layer.into_inner()?;
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = bytes(&json!({
        "architecture": arch,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": { "Entrypoint": [format!("/{PROGRAM}")], "ExposedPorts": { "80/tcp": {} }, "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "cargo xtask build" }],
    }))?;
    let manifest = bytes(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    }))?;
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    entry["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/{IMAGE}"),
        "org.opencontainers.image.ref.name": "latest",
    });
    let index = bytes(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    }))?;

    let out = File::create(archive).with_context(|| format!("cannot create {}", archive.display()))?;
    let mut tar = Builder::new(out);
    file(&mut tar, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    file(&mut tar, "index.json", 0o644, &index)?;
    for blob in [&manifest, &config, &layer] {
        file(&mut tar, &digest(blob).replacen("sha256:", "blobs/sha256/", 1), 0o644, blob)?;
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

fn file(tar: &mut Builder<impl Write>, name: &str, mode: u32, body: &[u8]) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(body.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, name, body)?;
    Ok(())
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn digest(body: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}

fn descriptor(media_type: &str, body: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(body), "size": body.len() })
}

//! Archives for tests, attacks included: names go into headers as they are.

use std::io::Write;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// A tar archive in the making.
pub(crate) struct Archive(Builder<Vec<u8>>);

impl Archive {
    pub(crate) fn new() -> Archive {
        Archive(Builder::new(Vec::new()))
    }

    /// Any entry; `change` sets what is special about it.
    pub(crate) fn entry(mut self, name: &str, data: &[u8], change: impl FnOnce(&mut Header)) -> Archive {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(data.len() as u64);
        header.set_entry_type(EntryType::Regular);
        // The builder's own setter refuses what attacks need.
        let field = &mut header.as_gnu_mut().unwrap().name;
        assert!(name.len() <= field.len());
        field[..name.len()].copy_from_slice(name.as_bytes());
        change(&mut header);
        header.set_cksum();
        self.0.append(&header, data).unwrap();
        self
    }

    pub(crate) fn file(self, name: &str, data: &[u8]) -> Archive {
        self.entry(name, data, |_| {})
    }

    pub(crate) fn directory(self, name: &str, mode: u32) -> Archive {
        self.entry(name, b"", |header| {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(mode);
        })
    }

    pub(crate) fn link(self, name: &str, target: &str, kind: EntryType) -> Archive {
        self.entry(name, b"", |header| {
            header.set_entry_type(kind);
            header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
        })
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Archive {
        self.link(name, target, EntryType::Symlink)
    }

    pub(crate) fn hardlink(self, name: &str, target: &str) -> Archive {
        self.link(name, target, EntryType::Link)
    }

    pub(crate) fn device(self, name: &str, major: u32, minor: u32) -> Archive {
        self.entry(name, b"", |header| {
            header.set_entry_type(EntryType::Char);
            header.set_device_major(major).unwrap();
            header.set_device_minor(minor).unwrap();
        })
    }

    /// An extended header for the next entry.
    pub(crate) fn extended(mut self, records: &[(&str, &[u8])]) -> Archive {
        self.0.append_pax_extensions(records.iter().map(|(key, value)| (*key, *value))).unwrap();
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A small root directory.
pub(crate) fn root() -> Vec<u8> {
    Archive::new().directory("bin/", 0o755).file("bin/hello", b"hello\n").symlink("bin/hi", "hello").bytes()
}

/// The configuration of an image with these plain layers.
pub(crate) fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!(r#""sha256:{}""#, hex(layer))).collect();
    let text = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/hello"]},"rootfs":{"type":"layers","diff_ids":[LAYERS]}}"#;
    text.replace("LAYERS", &diff_ids.join(",")).into_bytes()
}

/// What `docker save` of old wrote.
pub(crate) fn docker_archive(name: &str, config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let mut archive = Archive::new();
    let mut names = Vec::new();
    for layer in layers {
        let name = format!("{}/layer.tar", hex(layer));
        archive = archive.file(&name, layer);
        names.push(format!("{name:?}"));
    }
    let table = format!(
        r#"[{{"Config":"{}.json","RepoTags":[{name:?}],"Layers":[{}]}}]"#,
        hex(config),
        names.join(",")
    );
    archive.file(&format!("{}.json", hex(config)), config).file("manifest.json", table.as_bytes()).bytes()
}

/// An OCI layout, and the digest of its manifest.
pub(crate) fn oci_archive(name: &str, config: &[u8], layers: &[&[u8]]) -> (Vec<u8>, String) {
    let descriptor = |kind: &str, bytes: &[u8]| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"sha256:{}","size":{}}}"#,
            hex(bytes),
            bytes.len()
        )
    };
    let layer_list: Vec<String> = layers.iter().map(|layer| descriptor("layer.v1.tar+gzip", layer)).collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", config),
        layer_list.join(",")
    );
    let entry = descriptor("manifest.v1+json", manifest.as_bytes());
    let entry = entry
        .replace("\"size\"", &format!(r#""annotations":{{"io.containerd.image.name":{name:?}}},"size""#));
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#);
    let mut archive = Archive::new().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for blob in [config, manifest.as_bytes()].iter().chain(layers) {
        archive = archive.file(&format!("blobs/sha256/{}", hex(blob)), blob);
    }
    (archive.file("index.json", index.as_bytes()).bytes(), format!("sha256:{}", hex(manifest.as_bytes())))
}

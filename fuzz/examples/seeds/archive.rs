//! Seeds of the formats that are archives: layers, and archives of images.

use std::io::Write;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::Seeds;

pub(crate) fn seeds() -> Vec<Seeds> {
    vec![("layer", layers()), ("archive", archives())]
}

/// A tar archive in the making; names go into headers as they are.
struct Archive(Builder<Vec<u8>>);

impl Archive {
    fn new() -> Archive {
        Archive(Builder::new(Vec::new()))
    }

    fn entry(mut self, name: &str, data: &[u8], change: impl FnOnce(&mut Header)) -> Archive {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(data.len() as u64);
        header.set_entry_type(EntryType::Regular);
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        change(&mut header);
        header.set_cksum();
        self.0.append(&header, data).expect("memory takes it");
        self
    }

    fn file(self, name: &str, data: &[u8]) -> Archive {
        self.entry(name, data, |_| {})
    }

    fn kind(self, name: &str, kind: EntryType, target: &str) -> Archive {
        self.entry(name, b"", |header| {
            header.set_entry_type(kind);
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        })
    }

    fn directory(self, name: &str) -> Archive {
        self.kind(name, EntryType::Directory, "")
    }

    fn symlink(self, name: &str, target: &str) -> Archive {
        self.kind(name, EntryType::Symlink, target)
    }

    fn hardlink(self, name: &str, target: &str) -> Archive {
        self.kind(name, EntryType::Link, target)
    }

    fn device(self, name: &str, kind: EntryType, major: u32, minor: u32) -> Archive {
        self.entry(name, b"", |header| {
            header.set_entry_type(kind);
            header.set_device_major(major).expect("a GNU header has devices");
            header.set_device_minor(minor).expect("a GNU header has devices");
        })
    }

    fn extended(mut self, records: &[(&str, &[u8])]) -> Archive {
        self.0.append_pax_extensions(records.iter().copied()).expect("memory takes it");
        self
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes it")
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn root() -> Vec<u8> {
    Archive::new().directory("bin/").file("bin/hello", b"hello\n").symlink("bin/hi", "hello").bytes()
}

fn layers() -> Vec<(&'static str, Vec<u8>)> {
    let long = "d/".repeat(200);
    let setuid = |header: &mut Header| header.set_mode(0o6755);
    let sized_directory = |header: &mut Header| {
        header.set_entry_type(EntryType::Directory);
        header.set_size(512);
    };
    vec![
        ("plain", root()),
        ("gzip", gzip(&root())),
        ("zstd", zstd::encode_all(&root()[..], 3).expect("memory takes it")),
        ("two-members", [gzip(&root()[..1024]), gzip(&root()[1024..])].concat()),
        ("dots", Archive::new().file("../victim/x", b"x").file("a/../../x", b"x").bytes()),
        ("absolute", Archive::new().file("/abs", b"x").symlink("s", "/").file("s/etc/x", b"x").bytes()),
        (
            "linked-parents",
            Archive::new()
                .symlink("s", "../victim")
                .file("s/kept", b"x")
                .directory("s/")
                .symlink("t", "../../victim/kept")
                .file("t", b"x")
                .bytes(),
        ),
        (
            "hard-links",
            Archive::new()
                .file("a", b"x")
                .hardlink("b", "a")
                .hardlink("c", "../victim/kept")
                .symlink("s", "../victim")
                .hardlink("d", "s/kept")
                .hardlink("e", "s")
                .bytes(),
        ),
        (
            "nodes",
            Archive::new()
                .device("n", EntryType::Char, 1, 3)
                .device("b", EntryType::Block, 8, 0)
                .device("w", EntryType::Char, 0, 0)
                .device("p", EntryType::Fifo, 0, 0)
                .bytes(),
        ),
        ("setuid", Archive::new().entry("su", b"x", setuid).bytes()),
        (
            "whiteouts",
            Archive::new()
                .directory("d/")
                .file("d/.wh.a", b"")
                .file("d/.wh..wh..opq", b"")
                .file(".wh..wh.plnk", b"")
                .symlink("s", "../victim")
                .file("s/.wh.kept", b"")
                .file(".wh.s", b"")
                .file(".wh.d", b"")
                .bytes(),
        ),
        (
            "bad-whiteouts",
            Archive::new().file("a/.wh...", b"").file(".wh.", b"").file(".wh.a/b", b"").bytes(),
        ),
        (
            "extended",
            Archive::new()
                .extended(&[
                    ("path", long.as_bytes()),
                    ("mtime", b"1.5"),
                    ("SCHILY.xattr.user.a", b"1"),
                    ("SCHILY.xattr.trusted.overlay.redirect", b"/x"),
                    ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
                ])
                .directory("x/")
                .extended(&[("size", b"3"), ("uid", b"70000")])
                .file("y", b"123")
                .bytes(),
        ),
        (
            "extended-size",
            Archive::new().extended(&[("size", b"512")]).directory("a/").file("b", b"1").bytes(),
        ),
        (
            "long-names",
            Archive::new()
                .entry("././@LongLink", format!("{long}x\0").as_bytes(), |h| {
                    h.set_entry_type(EntryType::GNULongName)
                })
                .file("short", b"x")
                .entry("././@LongLink", b"../../victim/kept\0", |h| h.set_entry_type(EntryType::GNULongLink))
                .symlink("l", "x")
                .bytes(),
        ),
        (
            "global",
            Archive::new()
                .entry("g", b"17 path=a/b/c/d/\n", |h| h.set_entry_type(EntryType::XGlobalHeader))
                .file("a", b"")
                .bytes(),
        ),
        (
            "data-of-a-directory",
            Archive::new().entry("d/", &[b'x'; 512], sized_directory).file("a", b"1").bytes(),
        ),
        ("data-behind-a-slash", Archive::new().entry("d/", &root()[..512], |_| {}).file("a", b"1").bytes()),
        ("sparse", Archive::new().kind("s", EntryType::GNUSparse, "").bytes()),
        (
            "replaced",
            Archive::new()
                .directory("d/e/")
                .symlink("d", "../victim")
                .directory("d/")
                .file("d/e", b"")
                .bytes(),
        ),
        ("cut", root()[..700].to_vec()),
        ("empty", vec![0; 1024]),
    ]
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!(r#""sha256:{}""#, hex(layer))).collect();
    format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        diff_ids.join(",")
    )
    .into_bytes()
}

fn docker(tag: &str, config: &[u8], layers: &[&[u8]], declared: usize) -> Vec<u8> {
    let mut archive = Archive::new();
    let mut names = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let name = format!("{number}/layer.tar");
        archive = archive.file(&name, layer);
        names.push(format!("{name:?}"));
    }
    let names = names[..declared].join(",");
    let table = format!(r#"[{{"Config":"c.json","RepoTags":["{tag}"],"Layers":[{names}]}}]"#);
    archive.file("c.json", config).file("manifest.json", table.as_bytes()).bytes()
}

fn layout(name: &str, config: &[u8], layer: &[u8], nested: bool) -> Vec<u8> {
    let descriptor = |kind: &str, bytes: &[u8], extra: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"sha256:{}","size":{}{extra}}}"#,
            hex(bytes),
            bytes.len()
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", config, ""),
        descriptor("layer.v1.tar", layer, "")
    );
    let names = format!(r#","annotations":{{"io.containerd.image.name":"{name}"}}"#);
    let platform = r#","platform":{"os":"linux","architecture":"amd64"}"#;
    let inner = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        descriptor("manifest.v1+json", manifest.as_bytes(), platform)
    );
    let top = if nested {
        descriptor("index.v1+json", inner.as_bytes(), &names)
    } else {
        descriptor("manifest.v1+json", manifest.as_bytes(), &names)
    };
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{top}]}}"#);
    let mut archive = Archive::new().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for blob in [config, manifest.as_bytes(), inner.as_bytes(), layer] {
        // The name takes more than a header of old has: an extended header carries it.
        let path = format!("blobs/sha256/{}", hex(blob));
        archive = archive.file(&path, blob);
    }
    archive.file("index.json", index.as_bytes()).bytes()
}

fn archives() -> Vec<(&'static str, Vec<u8>)> {
    let layer = root();
    let other = Archive::new().file("b", b"2").bytes();
    let good = config(&[&layer]);
    let linked = Archive::new()
        .file("one/layer.tar", &layer)
        .symlink("two/layer.tar", "../one/layer.tar")
        .file("c.json", &config(&[&layer, &layer]))
        .file(
            "manifest.json",
            br#"[{"Config":"c.json","RepoTags":null,"Layers":["one/layer.tar","two/layer.tar"]}]"#,
        )
        .bytes();
    vec![
        ("docker", docker("a/b:c", &good, &[&layer], 1)),
        ("docker-gzip", gzip(&docker("a:1", &config(&[&layer, &other]), &[&layer, &gzip(&other)], 2))),
        ("docker-wrong-layer", docker("a:1", &good, &[&other], 1)),
        ("docker-lacks-a-layer", docker("a:1", &config(&[&layer, &other]), &[&layer, &other], 1)),
        ("docker-one-blob-two-layers", docker("a:1", &config(&[&layer, &other]), &[&layer, &layer], 2)),
        ("docker-hostile-name", docker("../../etc/x:y", &good, &[&layer], 1)),
        ("docker-links", linked),
        ("docker-loop", Archive::new().symlink("manifest.json", "manifest.json").bytes()),
        ("layout", layout("docker.io/library/a:b", &good, &layer, false)),
        ("layout-nested", layout("a", &good, &layer, true)),
        ("layout-hostile-name", layout("../../../x", &good, &layer, false)),
        ("nothing", Archive::new().file("x", b"y").bytes()),
    ]
}

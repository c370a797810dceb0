//! Stored contexts, and archives of them, honest and hostile.

use std::io::Write;

use tar::{Builder, Header};

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    (folder, store)
}

fn far() -> (Record, Secrets) {
    let mut record = Record::new("far");
    record.set_description("a machine");
    record.set_endpoint("tcp://far:2376", false);
    let mut secrets = Secrets::default();
    secrets.set("ca.pem", b"CA".to_vec());
    (record, secrets)
}

#[test]
fn what_is_stored_is_found_where_docker_looks() {
    let (folder, store) = store();
    let (record, secrets) = far();
    store.save(&record, Some(&secrets)).unwrap();
    let meta = std::fs::read_to_string(store.meta_folder("far").join("meta.json")).unwrap();
    let want = r#"{"Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":false}},"Metadata":{"Description":"a machine"},"Name":"far"}"#;
    assert_eq!(meta, want);
    assert!(folder.path().join("contexts/tls").join(super::id("far")).join("docker/ca.pem").is_file());
    assert_eq!(store.get("far").unwrap(), record);
    assert_eq!(store.secrets("far").unwrap(), secrets);
    assert_eq!(store.list(), [record]);
    store.remove("far").unwrap();
    assert!(!store.has("far") && store.list().is_empty());
}

#[test]
fn an_archive_comes_back_under_another_name() {
    let (record, secrets) = far();
    let bytes = archive::pack(&record, &secrets).unwrap();
    let (again, kept) = archive::unpack("near", &bytes[..]).unwrap();
    assert_eq!((again.name.as_str(), again.host()), ("near", "tcp://far:2376"));
    assert_eq!(kept, secrets);
    // Without what follows the last file, as Docker's client leaves it.
    let cut = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert_eq!(archive::unpack("near", &bytes[..cut]).unwrap().1, secrets);
}

/// A tar archive with names that no honest one has.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn hostile_archives_are_refused() {
    let meta: (&str, &[u8]) = ("meta.json", br#"{"Name": "x"}"#);
    for name in ["../evil", "tls/../../evil", "tls/docker/../../evil", "/etc/evil", "tls/docker", "tls/../x"]
    {
        let bytes = tar_of(&[meta, (name, b"evil")]);
        assert!(archive::unpack("x", &bytes[..]).is_err(), "{name}");
    }
    assert!(archive::unpack("x", &tar_of(&[("tls/docker/ca.pem", b"")])[..]).is_err(), "no record");
    assert!(archive::unpack("x", std::io::repeat(0)).is_err(), "endless");
    assert!(archive::unpack("x", &b"PK\x03\x04 rubbish"[..]).is_err(), "no zip");
}

/// A zip archive of one deflated file.
fn zip_of(name: &str, content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(content).unwrap();
    let packed = packer.finish().unwrap();
    let word = |n: usize| u16::try_from(n).unwrap().to_le_bytes();
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let mut out = Vec::new();
    out.extend(b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0");
    out.extend([long(packed.len()), long(content.len())].concat());
    out.extend([word(name.len()), word(0)].concat());
    out.extend(name.as_bytes());
    out.extend(&packed);
    let directory = out.len();
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0");
    out.extend([long(packed.len()), long(content.len())].concat());
    out.extend([word(name.len()), word(0), word(0), word(0), word(0)].concat());
    out.extend([long(0), long(0)].concat());
    out.extend(name.as_bytes());
    let size = out.len() - directory;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend([long(size), long(directory)].concat());
    out.extend(word(0));
    out
}

#[test]
fn zip_archives_are_read_and_bombs_are_not() {
    let meta = br#"{"Name": "x", "Endpoints": {"docker": {"Host": "unix:///s"}}}"#;
    let (record, _) = archive::unpack("z", &zip_of("meta.json", meta)[..]).unwrap();
    assert_eq!((record.name.as_str(), record.host()), ("z", "unix:///s"));
    assert!(archive::unpack("z", &zip_of("meta.json", &vec![b' '; 11 << 20])[..]).is_err(), "a bomb");
    assert!(archive::unpack("z", &zip_of("../x", b"")[..]).is_err());
    let whole = zip_of("meta.json", meta);
    for cut in 0..whole.len() {
        let _ = archive::unpack("z", &whole[..cut]);
    }
}

#[test]
fn names() {
    for name in ["ab", "a.b", "0+x", "A-_b"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    for name in ["", "a", "default", "a/b", ".a", "a b"] {
        assert!(check_name(name).is_err(), "{name}");
    }
}

#[test]
fn which_context_is_in_use() {
    let none = |_: &str| None;
    let env = |name: &str| (name == "DOCKER_CONTEXT").then(|| "env".to_owned());
    let host = |name: &str| (name == "DOCKER_HOST").then(|| "unix:///x".to_owned());
    assert_eq!(current(None, false, &none, None), "default");
    assert_eq!(current(None, false, &none, Some("file")), "file");
    assert_eq!(current(None, false, &env, Some("file")), "env");
    assert_eq!(current(None, false, &host, Some("file")), "default");
    assert_eq!(current(Some("flag"), false, &host, Some("file")), "flag");
    assert_eq!(current(None, true, &env, Some("file")), "default");
}

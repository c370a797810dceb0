//! What hostile and honest archives become.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tar::Builder;

use super::*;
use crate::command::container::copy::pack::pack;
use crate::command::container::copy::place::Place;

/// An archive of entries: kind, name, and content or target.
fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        // By hand: the builder refuses the names that these tests are about.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        let linked = matches!(kind, EntryType::Symlink | EntryType::Link);
        if linked {
            header.as_gnu_mut().unwrap().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        let data = if linked || kind.is_dir() { "" } else { text };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn said(entries: &[(EntryType, &str, &str)], folder: &Path) -> Result<(), String> {
    unpack(&archive(entries)[..], folder, &[]).map_err(|error| error.to_string())
}

/// A destination, and a directory beside it that must stay as it is.
fn places() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let top = tempfile::tempdir().unwrap();
    let (inside, outside) = (top.path().join("in"), top.path().join("out"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("victim"), "safe").unwrap();
    (top, inside, outside)
}

#[test]
fn nothing_is_written_outside() {
    use EntryType::{Directory, Link, Regular, Symlink};
    let (_top, inside, outside) = places();
    let out = outside.to_str().unwrap();
    let attacks: [&[(EntryType, &str, &str)]; 7] = [
        &[(Regular, "../out/victim", "evil")],
        &[(Regular, "a/../../out/victim", "evil")],
        &[(Symlink, "l1", out), (Regular, "l1/victim", "evil")],
        &[(Symlink, "l2", "../out"), (Regular, "l2/new", "evil")],
        &[(Symlink, "l3", out), (Directory, "l3", "")],
        &[(Symlink, "l4", out), (Link, "h4", "l4/victim"), (Regular, "h4", "evil")],
        &[(Link, "h5", "../out/victim"), (Regular, "h5", "evil")],
    ];
    for attack in attacks {
        assert!(said(attack, &inside).is_err(), "{attack:?}");
    }
    // A link is replaced, not written through.
    said(&[(Symlink, "l6", &format!("{out}/victim")), (Regular, "l6", "own")], &inside).unwrap();
    assert_eq!(std::fs::read_to_string(inside.join("l6")).unwrap(), "own");
    // An absolute name is beneath the destination.
    said(&[(Regular, "/abs", "x")], &inside).unwrap();
    assert!(inside.join("abs").is_file());
    assert_eq!(std::fs::read_to_string(outside.join("victim")).unwrap(), "safe");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn links_of_the_user_inside_the_destination_are_not_followed_either() {
    let (_top, inside, outside) = places();
    symlink(&outside, inside.join("theirs")).unwrap();
    assert!(said(&[(EntryType::Regular, "theirs/victim", "evil")], &inside).is_err());
    assert_eq!(std::fs::read_to_string(outside.join("victim")).unwrap(), "safe");
}

#[test]
fn files_and_directories_do_not_become_each_other() {
    let (_top, inside, _) = places();
    std::fs::create_dir(inside.join("d")).unwrap();
    std::fs::write(inside.join("f"), "x").unwrap();
    let error = said(&[(EntryType::Regular, "d", "x")], &inside).unwrap_err();
    assert_eq!(error, "cannot overwrite directory \"d\" with non-directory");
    let error = said(&[(EntryType::Directory, "f", "")], &inside).unwrap_err();
    assert_eq!(error, "cannot overwrite non-directory \"f\" with directory");
}

#[test]
fn what_is_packed_comes_out_again() {
    let (top, inside, _) = places();
    let source = top.path().join("src");
    std::fs::create_dir_all(source.join("sub")).unwrap();
    std::fs::write(source.join("sub/file"), "text").unwrap();
    std::fs::set_permissions(source.join("sub/file"), std::fs::Permissions::from_mode(0o4711)).unwrap();
    std::fs::set_permissions(source.join("sub"), std::fs::Permissions::from_mode(0o500)).unwrap();
    std::fs::hard_link(source.join("sub/file"), source.join("same")).unwrap();
    symlink("/nowhere", source.join("link")).unwrap();
    // A name that is no text.
    std::fs::write(source.join(OsStr::from_bytes(b"\xff\xfe")), "bytes").unwrap();
    let place = |path: &Path| Place {
        path: path.to_str().unwrap().to_owned(),
        exists: true,
        directory: true,
        rebase: None,
    };
    let rename = Rename { from: "src".to_owned(), to: "new".to_owned() };
    let mut archive = Vec::new();
    pack(&place(&source), Some(&rename), &mut archive).unwrap();
    unpack(&archive[..], &inside, &[]).unwrap();
    let new = inside.join("new");
    assert_eq!(std::fs::read_to_string(new.join("sub/file")).unwrap(), "text");
    let mode = |name: &str| std::fs::symlink_metadata(new.join(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode("sub/file"), mode("sub")), (0o4711, 0o500));
    assert_eq!(std::fs::metadata(new.join("same")).unwrap().nlink(), 2);
    assert_eq!(std::fs::read_link(new.join("link")).unwrap(), Path::new("/nowhere"));
    assert!(new.join(OsStr::from_bytes(b"\xff\xfe")).is_file());
    // The content alone, under no name.
    let mut archive = Vec::new();
    pack(&place(&source.join(".")), None, &mut archive).unwrap();
    let flat = top.path().join("flat");
    std::fs::create_dir(&flat).unwrap();
    unpack(&archive[..], &flat, &[]).unwrap();
    assert!(flat.join("sub/file").is_file());
}

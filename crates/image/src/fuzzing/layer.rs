//! Layers, and archives that are copied into containers: whatever they say, they change their own directory only.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufReader, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use crate::{
    archive::{Rules, decompress, extract},
    store,
    unpack::apply,
};

/// Plain bytes that are unpacked of one input: the bounds of bombs have tests of their own.
const MAX_PLAIN_BYTES: u64 = 4 << 20;
const BLOCK: usize = 512;

/// Unpacks `bytes` as a layer, and copies them into a root full of links that lead out of it. `scratch` is an empty
/// directory that only root may enter.
pub fn layer(bytes: &[u8], scratch: &Path) {
    attempt(bytes, scratch);
    let mended = mend(bytes);
    if mended != bytes {
        attempt(&mended, scratch);
    }
}

fn attempt(bytes: &[u8], scratch: &Path) {
    let victim = Victim::make(scratch);
    let target = scratch.join("layer");
    fs::create_dir(&target).expect("scratch is ours");
    if let Ok((_, plain)) = decompress(bytes) {
        let _ = apply(BufReader::new(plain.take(MAX_PLAIN_BYTES)), &target);
    }
    check_attributes(&target);
    let root = scratch.join("root");
    fs::create_dir(&root).expect("scratch is ours");
    for (name, leads_to) in
        [("up", "../../victim"), ("out", &*victim.path.to_string_lossy()), ("loop", "loop")]
    {
        std::os::unix::fs::symlink(leads_to, root.join(name)).expect("scratch is ours");
    }
    if let Ok((_, plain)) = decompress(bytes) {
        let opened = File::open(&root).expect("scratch is ours");
        let keep_kinds = bytes.len().is_multiple_of(2);
        let rules = Rules { base: b"/a".to_vec(), keep_kinds, with_top: keep_kinds, adapt: None };
        let _ = extract(plain.take(MAX_PLAIN_BYTES), opened.into(), rules);
    }
    victim.check(scratch);
    for directory in [&target, &root, &victim.path] {
        store::remove(directory).expect("what was unpacked can be removed");
    }
}

/// What no archive may touch.
struct Victim {
    path: PathBuf,
    before: Vec<(u32, u32, u64, i64, i64)>,
}

impl Victim {
    fn make(scratch: &Path) -> Victim {
        let path = scratch.join("victim");
        fs::create_dir(&path).expect("scratch is ours");
        fs::write(path.join("kept"), "kept").expect("scratch is ours");
        let before = Victim::state(&path);
        Victim { path, before }
    }

    fn state(path: &Path) -> Vec<(u32, u32, u64, i64, i64)> {
        let of = |path: &Path| fs::symlink_metadata(path).expect("the victim is there");
        let all = [of(path), of(&path.join("kept"))];
        all.map(|m| (m.mode(), m.uid(), m.nlink(), m.mtime(), m.ctime_nsec())).to_vec()
    }

    fn check(&self, scratch: &Path) {
        assert_eq!(Victim::state(&self.path), self.before, "the victim was changed");
        assert_eq!(fs::read(self.path.join("kept")).expect("the victim is there"), b"kept");
        assert_eq!(fs::read_dir(&self.path).expect("the victim is there").count(), 1);
        let mut names: Vec<_> =
            fs::read_dir(scratch).expect("scratch is ours").flatten().map(|e| e.file_name()).collect();
        names.sort();
        assert_eq!(names, ["layer", "root", "victim"], "something beside the layer");
    }
}

/// Of overlayfs' attributes a layer has only the mark of an opaque directory.
fn check_attributes(top: &Path) {
    let mut left = vec![top.to_owned()];
    while let Some(path) = left.pop() {
        let mut list = vec![0; 64 << 10];
        let length = rustix::fs::llistxattr(&path, &mut list).unwrap_or(0);
        for name in list[..length].split(|b| *b == 0).filter(|name| !name.is_empty()) {
            let name = OsStr::from_bytes(name);
            let allowed = ["user.", "security.capability", "system.posix_acl_", "trusted.overlay.opaque"];
            let text = name.to_string_lossy();
            assert!(allowed.iter().any(|start| text.starts_with(start)), "attribute {name:?}");
            assert!(!text.starts_with("user.overlay."), "attribute {name:?}");
        }
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir()) {
            left.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
}

/// Sets the checksums of headers right, which mutations break: else few inputs would come further than the first header.
pub(super) fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(block) = bytes.get_mut(at..at + BLOCK) {
        if block.iter().all(|b| *b == 0) {
            break;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = block[124..136].iter().filter(|b| (b'0'..=b'7').contains(*b));
        let size = size.fold(0_usize, |size, digit| (size * 8 + usize::from(digit - b'0')).min(1 << 30));
        at += BLOCK + size.div_ceil(BLOCK) * BLOCK;
    }
    bytes
}

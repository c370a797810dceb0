//! The directory that a layer is unpacked into, on a part of the disk where files are made quickly.
//!
//! Inputs: the name of the directory, in an operation's own. Outputs: the directory with an empty `diff` in it.
//!
//! Why it is worth a look: on ext4 without a journal a new file takes twenty times as long where as many were deleted in
//! the last minutes, whoever deleted them (see [`Workplace`]). The name of a directory leads to a part of the disk at random,
//! and most parts are good. How long it takes to make `diff` tells the others; another name then leads elsewhere.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    Error, Result,
    store::{DIFF, Workplace, remove},
};

/// Making a directory takes a fifth of it on good ground, several times as much near thousands of deleted files.
const QUICK: Duration = Duration::from_micros(150);
/// Names that are tried; a busy processor makes good ground look bad, too.
const MAX_TRIES: u32 = 8;

/// Makes the directory `layer` and its `diff`; gives the latter.
pub(super) fn make(layer: &Path, place: &Workplace) -> Result<PathBuf> {
    let tries = if place.is_spread() { MAX_TRIES } else { 1 };
    let mut best: Option<(Duration, PathBuf)> = None;
    let mut worse = Vec::new();
    for number in 0..tries {
        let candidate = layer.with_extension(format!("try-{number}"));
        fault::point("image: unpack layer");
        let took = draft(&candidate).map_err(Error::io("create", &candidate))?;
        match best.take() {
            Some((before, kept)) if before <= took => {
                worse.push(candidate);
                best = Some((before, kept));
            }
            other => {
                worse.extend(other.map(|(_, kept)| kept));
                best = Some((took, candidate));
            }
        }
        if took <= QUICK {
            break;
        }
    }
    let (_, chosen) = best.ok_or(Error::Closed)?;
    fs::rename(&chosen, layer).map_err(Error::io("rename", layer))?;
    // Only now: each stood in the way of the next, which would have come to the same place.
    for other in worse {
        remove(&other).map_err(Error::io("remove", &other))?;
    }
    let diff = layer.join(DIFF);
    // Archives need not name their root; the daemon's umask does not decide for them.
    fs::set_permissions(&diff, fs::Permissions::from_mode(0o755))
        .map_err(Error::io("change the mode of", &diff))?;
    Ok(diff)
}

/// Makes a directory with `diff` in it, and tells how long the second took: the first may have waited for the disk.
fn draft(candidate: &Path) -> io::Result<Duration> {
    let mut directory = fs::DirBuilder::new();
    directory.mode(0o755).create(candidate)?;
    let began = Instant::now();
    directory.create(candidate.join(DIFF))?;
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_directory_is_left_with_the_mode_of_a_root() {
        let dir = tempfile::tempdir().unwrap();
        let place = Workplace::make(dir.path().join("place")).unwrap();
        for _ in 0..20 {
            let layer = place.name("layer");
            let diff = make(&layer, &place).unwrap();
            assert_eq!(diff, layer.join(DIFF));
            assert_eq!(fs::metadata(&diff).unwrap().permissions().mode() & 0o7777, 0o755);
        }
        assert_eq!(fs::read_dir(dir.path().join("place")).unwrap().count(), 20);
    }
}

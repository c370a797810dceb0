//! Checkpoints that are not whole: under a name that no checkpoint has, until they are renamed or removed.

use super::super::Paths;
use super::place;
use std::fs;
use std::io;

/// Around the name and the time, which keeps two of the same name apart.
const PREFIX: char = '.';
const SUFFIX: &str = ".draft";

pub(super) fn name(checkpoint: &str, now_ns: i64) -> String {
    format!("{PREFIX}{checkpoint}.{now_ns}{SUFFIX}")
}

fn is_draft(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes what checkpoints of a container that were cut short have left. Only when its shim is gone: nobody writes there
/// any more.
pub(crate) fn sweep(paths: &Paths) -> io::Result<()> {
    let Ok(listed) = fs::read_dir(place::own(paths)) else { return Ok(()) };
    for entry in listed.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_draft)) {
        fault::point("checkpoint: sweep draft");
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn drafts_go_and_checkpoints_stay() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path(), "id");
        sweep(&paths).unwrap();
        let own = place::own(&paths);
        for name in [name("one", 7), "one".to_owned()] {
            fs::create_dir_all(own.join(name).join("images")).unwrap();
        }
        sweep(&paths).unwrap();
        let left: Vec<_> = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [own.join(Path::new("one"))]);
    }
}

//! What a container is made from: a directory with `config.json`.

use std::fs;
use std::path::{Path, PathBuf};

use runtime::oci::Spec;

use crate::failure::{Failure, Outcome};

/// A bundle that has been read.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Absolute, without links.
    pub(crate) path: PathBuf,
    /// `config.json` as it was.
    pub(crate) config: Vec<u8>,
    pub(crate) spec: Spec,
    /// Absolute.
    pub(crate) rootfs: PathBuf,
}

impl Bundle {
    /// Reads the bundle in `path`.
    pub(crate) fn open(path: &Path) -> Outcome<Bundle> {
        let path = fs::canonicalize(path).map_err(Failure::file(path))?;
        let file = path.join("config.json");
        let config = fs::read(&file).map_err(Failure::file(&file))?;
        let spec = runtime::read_spec(&config).map_err(|error| Failure::file(file)(error.into()))?;
        check_version(spec.version())?;
        let root = spec.root().as_ref().map_or(Path::new("rootfs"), |root| root.path());
        let rootfs = path.join(root);
        Ok(Bundle { path, config, spec, rootfs })
    }
}

/// Version 1 of the specification has promised to stay compatible with itself.
fn check_version(version: &str) -> Outcome<()> {
    if version.starts_with("1.") {
        return Ok(());
    }
    Err(Failure::Usage(format!("ociVersion {version:?} is not supported: it is 1.x here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_major_version_is_refused() {
        for (version, valid) in [("1.0.0", true), ("1.2.1-dev", true), ("2.0.0", false), ("", false)] {
            assert_eq!(check_version(version).is_ok(), valid, "{version:?}");
        }
    }
}

//! Names of slices and scopes, and where their cgroups are. Pure.

use std::path::{Path, PathBuf};

use crate::plan::invalid;
use crate::{Error, Result};

const DEFAULT_SLICE: &str = "system.slice";
const DEFAULT_PREFIX: &str = "shoal";
/// systemd's own limit of a unit's name.
const MAX_NAME_BYTES: usize = 255;

/// A transient scope of systemd's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// `docker-abc.scope`.
    pub(super) name: String,
    /// `user-1000.slice`.
    pub(super) slice: String,
}

impl Unit {
    /// From `linux.cgroupsPath` in systemd's form, `slice:prefix:name`; what is empty or not given has defaults
    /// (`system.slice:shoal:<id>`).
    ///
    /// # Errors
    /// If it has another form, or names that are none.
    pub fn parse(cgroups_path: Option<&Path>, id: &str) -> Result<Unit> {
        let path = cgroups_path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let parts: Vec<&str> = if path.is_empty() { vec!["", "", ""] } else { path.split(':').collect() };
        let [slice, prefix, name] = parts[..] else {
            let what = format!("cgroupsPath {path:?} is not of systemd's form \"slice:prefix:name\"");
            return Err(Error::Invalid(what));
        };
        let or =
            |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        let (slice, name) = (or(slice, DEFAULT_SLICE), or(name, id));
        let prefix = if path.is_empty() { DEFAULT_PREFIX } else { prefix };
        let name = if prefix.is_empty() { format!("{name}.scope") } else { format!("{prefix}-{name}.scope") };
        slice_path(&slice)?;
        if !is_name(&name) {
            return Err(Error::Invalid(format!("{name:?} is not a name of a unit")));
        }
        Ok(Unit { name, slice })
    }

    /// The scope's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its cgroup beneath the hierarchies.
    ///
    /// # Errors
    /// If the slice's name is none.
    pub fn path(&self) -> Result<PathBuf> {
        Ok(Path::new("/").join(slice_path(&self.slice)?).join(&self.name))
    }
}

/// `user-1000.slice` lies in `user.slice`: the dashes are a path.
fn slice_path(slice: &str) -> Result<PathBuf> {
    let refused = || invalid(&format!("{slice:?} is not a name of a slice"));
    let stem = slice.strip_suffix(".slice").filter(|_| is_name(slice)).ok_or_else(refused)?;
    if stem == "-" {
        return Ok(PathBuf::new());
    }
    let mut path = PathBuf::new();
    let mut name = String::new();
    for part in stem.split('-') {
        if part.is_empty() {
            return Err(refused());
        }
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(part);
        path.push(format!("{name}.slice"));
    }
    Ok(path)
}

/// The characters of systemd.unit(5).
fn is_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.starts_with('.') && name.chars().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<String> {
        let unit = Unit::parse(Some(Path::new(text)), "id")?;
        Ok(unit.path()?.display().to_string())
    }

    #[test]
    fn a_scope_lies_in_its_slices() {
        assert_eq!(path("system.slice:docker:abc").unwrap(), "/system.slice/docker-abc.scope");
        assert_eq!(path("a-b-c.slice:x:y").unwrap(), "/a.slice/a-b.slice/a-b-c.slice/x-y.scope");
        assert_eq!(path("-.slice::y").unwrap(), "/y.scope");
        assert_eq!(path("").unwrap(), "/system.slice/shoal-id.scope");
        assert_eq!(path(":p:").unwrap(), "/system.slice/p-id.scope");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "/docker/abc",
            "a:b",
            "a.slice:b:c:d",
            "a/b.slice:c:d",
            "a--b.slice:c:d",
            "s:c:d",
            "a.slice:c:../d",
        ] {
            assert!(path(text).is_err(), "{text}");
        }
    }
}

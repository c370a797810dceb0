//! A mount of the specification: its options sorted into attributes, propagation and the file system's own data.

use std::ffi::CString;
use std::path::PathBuf;

use super::{checked_path, invalid};
use crate::sys::mount::Attributes;
use crate::{Error, Result, oci};

/// Begins an option that names the part of a bind's source that is meant: `x-shoal.subpath=a/b`. Its links are resolved
/// beneath the source.
const SUBPATH: &str = "x-shoal.subpath=";

/// A mount to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Absolute, in the container, without `..`.
    pub(crate) destination: PathBuf,
    pub(crate) kind: Kind,
    /// Of this mount alone.
    pub(crate) attributes: Attributes,
    /// Of this mount and those below it.
    pub(crate) recursive: Attributes,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory or file of the host.
    Bind { source: PathBuf, recursive: bool, subpath: PathBuf },
    /// The container's cgroups, in the version that the machine has.
    Cgroup,
    /// A new instance of a file system, with its own options.
    FileSystem { name: CString, source: Option<CString>, options: Vec<(CString, Option<CString>)> },
}

impl Mount {
    /// Checks and sorts the options of a mount.
    pub(crate) fn new(mount: &oci::Mount) -> Result<Mount> {
        let destination = checked_path(mount.destination())?.to_owned();
        if mount.uid_mappings().is_some() || mount.gid_mappings().is_some() {
            return Err(Error::NotImplemented("an id-mapped mount"));
        }
        let mut attributes = Attributes::default();
        let mut recursive = Attributes::default();
        let mut bind = None;
        let mut subpath = PathBuf::new();
        let mut options = Vec::new();
        for option in mount.options().iter().flatten() {
            match option.as_str() {
                "" | "defaults" => {}
                "bind" => bind = Some(false),
                "rbind" => bind = Some(true),
                "remount" => return Err(Error::NotImplemented("mount option remount")),
                other if other.starts_with(SUBPATH) => subpath = other[SUBPATH.len()..].into(),
                other => {
                    let known = add_attribute(&mut attributes, other)
                        || other.strip_prefix('r').is_some_and(|rest| add_attribute(&mut recursive, rest));
                    if !known {
                        options.push(file_system_option(other)?);
                    }
                }
            }
        }
        let typ = mount.typ().as_deref().unwrap_or_default();
        let source = mount.source().clone();
        let kind = match (bind, typ) {
            (Some(recursive), _) => bind_kind(source, recursive, subpath, &options)?,
            (None, "bind") => bind_kind(source, true, subpath, &options)?,
            (None, "cgroup" | "cgroup2") => Kind::Cgroup,
            (None, "" | "none") => return Err(invalid("a mount has no type")),
            (None, name) => Kind::FileSystem {
                name: c_string(name)?,
                source: source.map(|source| c_string(&source.to_string_lossy())).transpose()?,
                options,
            },
        };
        Ok(Mount { destination, kind, attributes, recursive })
    }
}

fn bind_kind(
    source: Option<PathBuf>,
    recursive: bool,
    subpath: PathBuf,
    options: &[(CString, Option<CString>)],
) -> Result<Kind> {
    if let Some((option, _)) = options.first() {
        return Err(invalid(&format!("{option:?} is not an option of a bind mount")));
    }
    let source = source.ok_or_else(|| invalid("a bind mount has no source"))?;
    if !source.is_absolute() {
        return Err(invalid(&format!("the source {} of a bind mount is not absolute", source.display())));
    }
    Ok(Kind::Bind { source, recursive, subpath })
}

/// `key=value` or a flag.
fn file_system_option(option: &str) -> Result<(CString, Option<CString>)> {
    match option.split_once('=') {
        Some((key, value)) => Ok((c_string(key)?, Some(c_string(value)?))),
        None => Ok((c_string(option)?, None)),
    }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| invalid("a mount option holds a NUL byte"))
}

/// Adds a generic option to `attributes`; false if it is not one. The last of contradicting options wins.
fn add_attribute(attributes: &mut Attributes, option: &str) -> bool {
    let (set, clear) = match option {
        "ro" => (libc::MOUNT_ATTR_RDONLY, 0),
        "rw" => (0, libc::MOUNT_ATTR_RDONLY),
        "nosuid" => (libc::MOUNT_ATTR_NOSUID, 0),
        "suid" => (0, libc::MOUNT_ATTR_NOSUID),
        "nodev" => (libc::MOUNT_ATTR_NODEV, 0),
        "dev" => (0, libc::MOUNT_ATTR_NODEV),
        "noexec" => (libc::MOUNT_ATTR_NOEXEC, 0),
        "exec" => (0, libc::MOUNT_ATTR_NOEXEC),
        "nosymfollow" => (libc::MOUNT_ATTR_NOSYMFOLLOW, 0),
        "symfollow" => (0, libc::MOUNT_ATTR_NOSYMFOLLOW),
        "nodiratime" => (libc::MOUNT_ATTR_NODIRATIME, 0),
        "diratime" => (0, libc::MOUNT_ATTR_NODIRATIME),
        // The access time modes are one field: all of it is cleared, then one value set.
        "noatime" => (libc::MOUNT_ATTR_NOATIME, libc::MOUNT_ATTR__ATIME),
        "strictatime" => (libc::MOUNT_ATTR_STRICTATIME, libc::MOUNT_ATTR__ATIME),
        "relatime" | "atime" | "norelatime" | "nostrictatime" => (0, libc::MOUNT_ATTR__ATIME),
        other => {
            let Some(propagation) = propagation_flag(other) else {
                return false;
            };
            attributes.propagation = propagation;
            return true;
        }
    };
    attributes.set = (attributes.set & !clear) | set;
    attributes.clear = (attributes.clear & !set) | clear;
    true
}

fn propagation_flag(name: &str) -> Option<u64> {
    Some(match name {
        "private" => libc::MS_PRIVATE,
        "shared" => libc::MS_SHARED,
        "slave" => libc::MS_SLAVE,
        "unbindable" => libc::MS_UNBINDABLE,
        _ => return None,
    })
}

/// `linux.rootfsPropagation` as `MS_*`; 0 if it is not given.
pub(super) fn propagation(name: Option<&str>) -> Result<u64> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(0);
    };
    propagation_flag(name.strip_prefix('r').unwrap_or(name))
        .ok_or_else(|| invalid(&format!("{name:?} is not a mount propagation")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typ: &str, source: &str, options: &[&str]) -> Result<Mount> {
        let mut mount = oci::Mount::default();
        mount
            .set_destination("/target".into())
            .set_typ(Some(typ.into()))
            .set_source(Some(source.into()))
            .set_options(Some(options.iter().map(|o| (*o).to_owned()).collect()));
        Mount::new(&mount)
    }

    #[test]
    fn bind_options_become_attributes() {
        let mount = parse("bind", "/src", &["rbind", "ro", "rslave", "rnoexec"]).unwrap();
        assert_eq!(
            mount.kind,
            Kind::Bind { source: "/src".into(), recursive: true, subpath: PathBuf::new() }
        );
        assert_eq!(mount.attributes.set, libc::MOUNT_ATTR_RDONLY);
        assert_eq!(mount.recursive.set, libc::MOUNT_ATTR_NOEXEC);
        assert_eq!(mount.recursive.propagation, libc::MS_SLAVE);
    }

    #[test]
    fn the_last_of_contradicting_options_wins() {
        let mount = parse("tmpfs", "tmpfs", &["ro", "rw", "noatime", "strictatime"]).unwrap();
        assert_eq!(mount.attributes.set, libc::MOUNT_ATTR_STRICTATIME);
        assert_ne!(mount.attributes.clear & libc::MOUNT_ATTR_RDONLY, 0);
    }

    #[test]
    fn unknown_options_go_to_the_file_system_and_not_to_a_bind() {
        let mount = parse("tmpfs", "tmpfs", &["size=1m", "noswap"]).unwrap();
        let Kind::FileSystem { options, .. } = mount.kind else {
            panic!("not a file system: {mount:?}");
        };
        assert_eq!(options[0], (c"size".into(), Some(c"1m".into())));
        assert_eq!(options[1], (c"noswap".into(), None));
        assert!(parse("bind", "/src", &["bind", "size=1m"]).is_err());
    }

    #[test]
    fn relative_and_climbing_paths_are_refused() {
        assert!(parse("bind", "src", &["bind"]).is_err());
        let mut mount = oci::Mount::default();
        mount.set_destination("/a/../../b".into());
        assert!(Mount::new(&mount).is_err());
    }
}

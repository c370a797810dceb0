//! A mount of the specification, checked.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use super::mount_option::{Options, c_string};
use super::{IdMaps, checked_path, invalid};
use crate::sys::mount::Attributes;
use crate::{Result, oci};

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
    /// A directory or file of the host. A relative source begins at the bundle.
    Bind {
        source: PathBuf,
        recursive: bool,
        subpath: PathBuf,
        owners: Option<Owners>,
        /// The source, `/proc/PID/root/…`, is another container's, which may lay links.
        guest: bool,
    },
    /// A file system that is mounted with the machine's privilege, of a device or a server.
    Host {
        name: CString,
        source: Option<CString>,
        options: Vec<(CString, Option<CString>)>,
        /// As a whole, whoever mounts it.
        read_only: bool,
        subpath: PathBuf,
        /// The container's user namespace says whose its files are.
        mapped: bool,
    },
    /// Layers shown as one tree that nobody can write to, topmost first.
    Layers { lowers: Vec<PathBuf>, subpath: PathBuf, mapped: bool },
    /// The container's cgroups, in the version that the machine has.
    Cgroup,
    /// A new instance of a file system, with its own options.
    FileSystem {
        name: CString,
        source: Option<CString>,
        options: Vec<(CString, Option<CString>)>,
        /// What lies at the destination is copied into it first.
        copy_up: bool,
    },
    /// Nothing new: what an earlier mount has put there gets other attributes.
    Remount,
}

/// Files of a bind have other owners in the container than on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owners {
    /// `None`: the container's user namespace says which.
    pub(crate) maps: Option<IdMaps>,
    /// Also of what is mounted below the source.
    pub(crate) recursive: bool,
}

impl Mount {
    /// Checks and sorts the options of a mount.
    pub(crate) fn new(mount: &oci::Mount) -> Result<Mount> {
        // Older specifications had relative ones, meaning the root.
        let destination = checked_path(&Path::new("/").join(mount.destination()))?.to_owned();
        let maps = IdMaps::new(mount.uid_mappings().as_deref(), mount.gid_mappings().as_deref())?;
        let options = Options::parse(mount.options().as_deref().unwrap_or_default())?;
        let (attributes, recursive) = (options.attributes, options.recursive);
        let typ = mount.typ().as_deref().unwrap_or_default();
        let is_bind = options.bind.is_some() || typ == "bind";
        let by_machine = options.host.is_some() || !options.lowers.is_empty();
        if !is_bind && (maps.is_some() || options.idmap.is_some() && !by_machine) {
            return Err(invalid("only a bind mount can be id-mapped"));
        }
        if options.copy_up && typ != "tmpfs" {
            return Err(invalid("tmpcopyup is an option of a tmpfs"));
        }
        let source = mount.source().clone();
        let kind = match typ {
            _ if is_bind => bind(source, options, maps)?,
            _ if !options.lowers.is_empty() => Kind::Layers {
                lowers: options.lowers,
                subpath: options.subpath,
                mapped: options.idmap.is_some(),
            },
            _ if options.remount => Kind::Remount,
            "cgroup" | "cgroup2" => Kind::Cgroup,
            "" | "none" => return Err(invalid("a mount has no type")),
            name if options.host.is_some() => Kind::Host {
                name: c_string(name)?,
                source: source.map(|source| c_string(&source.to_string_lossy())).transpose()?,
                options: options.data,
                read_only: options.host == Some(true),
                subpath: options.subpath,
                mapped: options.idmap.is_some(),
            },
            name => Kind::FileSystem {
                name: c_string(name)?,
                source: source.map(|source| c_string(&source.to_string_lossy())).transpose()?,
                options: options.data,
                copy_up: options.copy_up,
            },
        };
        Ok(Mount { destination, kind, attributes, recursive })
    }

    /// Whether making it takes a process outside of the container: for a map of users, and for a device that the container's cgroup
    /// may not open.
    pub(super) fn needs_machine(&self) -> bool {
        matches!(self.kind, Kind::Bind { owners: Some(_), .. } | Kind::Host { .. })
            || matches!(self.kind, Kind::Layers { mapped: true, .. })
    }

    /// Whether it is put together with the machine's privilege, out of more than a directory of the host.
    pub(crate) fn is_by_machine(&self) -> bool {
        matches!(self.kind, Kind::Host { .. } | Kind::Layers { .. })
    }
}

fn bind(source: Option<PathBuf>, options: Options, maps: Option<IdMaps>) -> Result<Kind> {
    // Those of a file system as a whole mean nothing for a part of it, as for mount(8).
    if let Some((option, _)) =
        options.data.iter().find(|(option, _)| !super::mount_option::is_general(option))
    {
        return Err(invalid(&format!("{option:?} is not an option of a bind mount")));
    }
    let source = source.ok_or_else(|| invalid("a bind mount has no source"))?;
    let owners = match (options.idmap, &maps) {
        (None, None) => None,
        (recursive, _) => Some(Owners { maps, recursive: recursive == Some(true) }),
    };
    let recursive = options.bind.unwrap_or(true);
    Ok(Kind::Bind { source, recursive, subpath: options.subpath, owners, guest: options.guest })
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
            Kind::Bind {
                source: "/src".into(),
                recursive: true,
                subpath: PathBuf::new(),
                owners: None,
                guest: false
            }
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
    fn climbing_paths_are_refused() {
        let mut mount = oci::Mount::default();
        mount.set_destination("/a/../../b".into());
        assert!(Mount::new(&mount).is_err());
    }

    #[test]
    fn every_option_of_the_specification_is_known_to_a_bind() {
        let names = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime \
                     noexec noiversion nolazytime norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev \
                     rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid \
                     rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw \
                     shared silent slave strictatime suid symfollow sync unbindable idmap ridmap mand nomand";
        for name in names.split_ascii_whitespace() {
            assert!(parse("bind", "/src", &[name]).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_the_machine_mounts_is_told_by_options_of_our_own() {
        let disk = parse("ext4", "/dev/x", &["noatime", "data=ordered", "x-shoal.host=ro", "idmap"]).unwrap();
        assert_eq!(disk.attributes.set, libc::MOUNT_ATTR_NOATIME);
        let Kind::Host { options, read_only, mapped, .. } = disk.kind else { panic!("{:?}", disk.kind) };
        assert_eq!(options, [(c"data".into(), Some(c"ordered".into()))]);
        assert!(read_only && mapped);
        let image = parse("overlay", "overlay", &["x-shoal.lower=/a", "x-shoal.lower=/b", "ro"]).unwrap();
        assert!(image.is_by_machine() && !image.needs_machine());
        let Kind::Layers { lowers, .. } = image.kind else { panic!("{:?}", image.kind) };
        assert_eq!(lowers, [Path::new("/a"), Path::new("/b")]);
    }

    #[test]
    fn what_only_one_kind_of_mount_can_is_refused_for_others() {
        assert!(parse("tmpfs", "tmpfs", &["tmpcopyup"]).is_ok());
        assert!(parse("proc", "proc", &["tmpcopyup"]).is_err());
        assert!(parse("tmpfs", "tmpfs", &["idmap"]).is_err());
        assert_eq!(parse("none", "x", &["remount", "ro"]).unwrap().kind, Kind::Remount);
    }
}

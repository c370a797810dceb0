//! The options of the local driver: `type`, `o`, `device`, as mount(8) has them. Pure.
//!
//! What they ask for is mounted in the namespace of each container that uses the volume, never in the host's. So only
//! that can be had which needs nothing of the host then: a directory of it, or memory.

use super::error::Error;
use std::collections::BTreeMap;

const KNOWN: [&str; 4] = ["type", "o", "device", "size"];
/// Options of a memory mount that go to the kernel.
const TMPFS: [&str; 6] = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"];

/// Where what is in a volume lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the volume's own directory.
    Own,
    /// In this directory of the host.
    Directory(String),
    /// In memory, for each container its own, with these options.
    Memory(Vec<String>),
}

/// Reads the options of a volume.
///
/// # Errors
/// If one is unknown, or they ask for what cannot be had.
pub(crate) fn place(volume: &str, options: &BTreeMap<String, String>) -> Result<Place, Error> {
    let wrong = |reason: String| Error::Options { volume: volume.to_owned(), reason };
    if let Some(unknown) = options.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(wrong(format!("invalid option: \"{unknown}\"")));
    }
    let get = |key: &str| options.get(key).map_or("", String::as_str);
    if !get("size").is_empty() {
        return Err(Error::NotImplemented("a quota of a local volume (option size)"));
    }
    let (kind, flags, device) = (get("type"), get("o"), get("device"));
    let flags: Vec<&str> = flags.split(',').filter(|flag| !flag.is_empty()).collect();
    let binds = flags.iter().any(|flag| matches!(*flag, "bind" | "rbind"));
    match (kind, device) {
        ("", "") if flags.is_empty() => Ok(Place::Own),
        (_, "") => Err(wrong("missing required option: \"device\"".to_owned())),
        ("" | "none", device) if binds => {
            let rest: Vec<&&str> =
                flags.iter().filter(|flag| !matches!(**flag, "bind" | "rbind" | "rw")).collect();
            if let Some(flag) = rest.first() {
                return Err(wrong(format!("mount option \"{flag}\" cannot be used with bind")));
            }
            if !device.starts_with('/') || device.contains('\0') {
                return Err(wrong(format!("device must be an absolute path: \"{device}\"")));
            }
            Ok(Place::Directory(device.to_owned()))
        }
        ("tmpfs", _) => {
            let mut taken = Vec::new();
            for flag in flags {
                let key = flag.split_once('=').map_or(flag, |(key, _)| key);
                if !TMPFS.contains(&key) && !matches!(flag, "rw" | "noexec" | "nosuid" | "nodev") {
                    return Err(wrong(format!("invalid mount option: \"{flag}\"")));
                }
                taken.push(flag.to_owned());
            }
            Ok(Place::Memory(taken))
        }
        ("", _) => Err(wrong("missing required option: \"type\"".to_owned())),
        _ => Err(Error::NotImplemented("a local volume of another type than tmpfs, or none with o=bind,")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<Place, Error> {
        place("v1", &options.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    }

    #[test]
    fn what_can_be_had() {
        assert_eq!(read(&[]).unwrap(), Place::Own);
        let bind = read(&[("type", "none"), ("o", "bind"), ("device", "/srv")]).unwrap();
        assert_eq!(bind, Place::Directory("/srv".into()));
        let memory = read(&[("type", "tmpfs"), ("o", "size=1m,uid=5"), ("device", "tmpfs")]).unwrap();
        assert_eq!(memory, Place::Memory(vec!["size=1m".into(), "uid=5".into()]));
    }

    #[test]
    fn what_cannot_is_refused_by_name() {
        for (options, words) in [
            (&[("foo", "x")][..], "invalid option: \"foo\""),
            (&[("type", "nfs"), ("o", "addr=1.2.3.4"), ("device", ":/x")], "not implemented"),
            (&[("type", "ext4"), ("device", "/dev/sda")], "not implemented"),
            (&[("type", "tmpfs")], "missing required option: \"device\""),
            (&[("type", "tmpfs"), ("o", "context=x"), ("device", "tmpfs")], "invalid mount option"),
            (&[("o", "bind,noexec"), ("device", "/x")], "cannot be used with bind"),
            (&[("o", "bind"), ("device", "x")], "must be an absolute path"),
            (&[("size", "10m")], "not implemented"),
        ] {
            let error = read(options).unwrap_err().to_string();
            assert!(error.contains(words), "{options:?}: {error}");
        }
    }
}

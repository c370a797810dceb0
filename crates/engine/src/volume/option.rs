//! The options of the local driver: `type`, `o`, `device`, as mount(8) has them, and `size`. Pure.
//!
//! What they ask for is mounted in the namespace of each container that uses the volume, never in the host's.

use super::error::Error;
use super::flag;
use std::collections::BTreeMap;

const KNOWN: [&str; 4] = ["type", "o", "device", "size"];

/// Where what is in a volume lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the volume's own directory.
    Own,
    /// In a directory of the host.
    Directory {
        path: String,
        /// With what is mounted below it.
        recursive: bool,
        options: Vec<String>,
    },
    /// In memory, with these options; for all containers that have it at the same time.
    Memory(Vec<String>),
    /// On a device, or on a server.
    FileSystem { name: String, device: String, options: Vec<String> },
}

/// Reads the options of a volume.
///
/// # Errors
/// If one is unknown, or they contradict each other.
pub(crate) fn place(volume: &str, options: &BTreeMap<String, String>) -> Result<Place, Error> {
    let wrong = |reason: String| Error::Options { volume: volume.to_owned(), reason };
    if let Some(unknown) = options.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(wrong(format!("invalid option: \"{unknown}\"")));
    }
    if options.values().any(|value| value.contains('\0')) {
        return Err(wrong("an option holds a NUL byte".to_owned()));
    }
    let get = |key: &str| options.get(key).map_or("", String::as_str);
    let (kind, device) = (get("type"), get("device"));
    let words = flag::words(get("o"));
    let binds = words.iter().any(|word| matches!(*word, "bind" | "rbind"));
    let sized = size(volume, options)?.is_some();
    match (kind, device) {
        ("", "") if words.is_empty() => Ok(Place::Own),
        _ if sized => Err(wrong("size is an option of volumes that lie in their own directory".to_owned())),
        (_, "") => Err(wrong("missing required option: \"device\"".to_owned())),
        ("" | "none" | "bind", path) if binds => {
            if !path.starts_with('/') {
                return Err(wrong(format!("device must be an absolute path: \"{path}\"")));
            }
            let options = flag::of_bind(&words).map_err(wrong)?;
            let recursive = words.contains(&"rbind");
            Ok(Place::Directory { path: path.to_owned(), recursive, options })
        }
        ("tmpfs", _) => Ok(Place::Memory(flag::of_memory(&words).map_err(wrong)?)),
        ("", _) => Err(wrong("missing required option: \"type\"".to_owned())),
        ("none" | "bind", _) => Err(wrong("type \"none\" needs the mount option \"bind\"".to_owned())),
        (name, device) => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            if !name.bytes().all(plain) {
                return Err(wrong(format!("invalid type: \"{name}\"")));
            }
            let options = flag::of_file_system(&words).map_err(wrong)?;
            Ok(Place::FileSystem { name: name.to_owned(), device: device.to_owned(), options })
        }
    }
}

/// How many bytes a volume may take; `None` for as many as there are.
///
/// # Errors
/// If that is no size.
pub(super) fn size(volume: &str, options: &BTreeMap<String, String>) -> Result<Option<u64>, Error> {
    let Some(text) = options.get("size").filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = || Error::Options { volume: volume.to_owned(), reason: format!("invalid size: '{text}'") };
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches('b').trim_end_matches('i');
    let digits = number.trim_end_matches(|letter: char| "kmgtp".contains(letter));
    let power = match &number[digits.len()..] {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let digits: u64 = digits.trim_end().parse().map_err(|_| wrong())?;
    let bytes = digits.checked_mul(1024u64.pow(power)).ok_or_else(wrong)?;
    Ok((bytes > 0).then_some(bytes))
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
        let place = |recursive, options: &[&str]| Place::Directory {
            path: "/srv".into(),
            recursive,
            options: options.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(bind, place(false, &[]));
        assert_eq!(
            read(&[("o", "rbind,ro,noexec"), ("device", "/srv")]).unwrap(),
            place(true, &["ro", "noexec"])
        );
        let far = read(&[("type", "nfs"), ("o", "addr=host,rw,nfsvers=4"), ("device", ":/x")]).unwrap();
        let options = ["addr=host", "rw", "nfsvers=4"].map(String::from).to_vec();
        assert_eq!(far, Place::FileSystem { name: "nfs".into(), device: ":/x".into(), options });
        assert_eq!(read(&[("size", "10m")]).unwrap(), Place::Own);
        let memory = read(&[("type", "tmpfs"), ("o", "size=1m,uid=5"), ("device", "tmpfs")]).unwrap();
        assert_eq!(memory, Place::Memory(vec!["size=1m".into(), "uid=5".into()]));
    }

    #[test]
    fn what_cannot_is_refused_by_name() {
        for (options, words) in [
            (&[("foo", "x")][..], "invalid option: \"foo\""),
            (&[("type", "ext4"), ("o", "loop"), ("device", "/x.img")], "cannot be used here"),
            (&[("type", "a/b"), ("device", "/dev/sda")], "invalid type"),
            (&[("type", "none"), ("device", "/x")], "needs the mount option"),
            (&[("type", "tmpfs")], "missing required option: \"device\""),
            (&[("type", "tmpfs"), ("o", "context=x"), ("device", "tmpfs")], "invalid mount option"),
            (&[("o", "bind,size=1"), ("device", "/x")], "cannot be used with bind"),
            (&[("o", "bind"), ("device", "x")], "must be an absolute path"),
            (&[("size", "10x")], "invalid size"),
            (&[("size", "1m"), ("type", "tmpfs"), ("device", "tmpfs")], "own directory"),
        ] {
            let error = read(options).unwrap_err().to_string();
            assert!(error.contains(words), "{options:?}: {error}");
        }
    }

    #[test]
    fn sizes() {
        let read = |text: &str| size("v1", &BTreeMap::from([("size".to_owned(), text.to_owned())]));
        for (text, bytes) in [("10", 10), ("1k", 1024), ("2MB", 2 << 20), ("3gib", 3 << 30), ("1 G", 1 << 30)]
        {
            assert_eq!(read(text).unwrap(), Some(bytes), "{text}");
        }
        assert_eq!(read("0").unwrap(), None);
        for wrong in ["x", "-1", "1kk", "99999999P", "1.5g"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

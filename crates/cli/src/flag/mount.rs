//! `--mount type=bind,src=/a,dst=/b,ro`.

use super::{FlagError, fields, size, switch};

/// The keys that are understood, for the error of one that is not.
const KEYS: &str = "type, source, target, readonly, bind-propagation, bind-recursive, bind-nonrecursive, bind-create-src, consistency, \
                    volume-nocopy, volume-label, volume-driver, volume-opt, volume-subpath, image-subpath, tmpfs-size, tmpfs-mode and \
                    tmpfs-opt";

/// One mount as the user asked for it; conversion to the API's shape is the verb's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) consistency: String,
    pub(crate) propagation: Option<String>,
    pub(crate) recursive: Option<String>,
    pub(crate) create_source: bool,
    pub(crate) no_copy: bool,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) driver: Option<String>,
    pub(crate) driver_options: Vec<(String, String)>,
    pub(crate) subpath: Option<String>,
    pub(crate) tmpfs_size: Option<i64>,
    pub(crate) tmpfs_mode: Option<u32>,
    pub(crate) tmpfs_options: Vec<String>,
}

/// Reads one; quotes work as in CSV.
pub(crate) fn parse(input: &str) -> Result<Mount, FlagError> {
    let mut mount = Mount { kind: "volume".to_owned(), ..Mount::default() };
    let mut keys = Vec::new();
    for field in fields::split(input)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.to_ascii_lowercase(), None),
        };
        set(&mut mount, &key, value, &field).map_err(|problem| problem.at(&key, input))?;
        keys.push(key);
    }
    check(mount, &keys, input)
}

/// Why a key could not be set; becomes a `FlagError` with the key and the whole input.
enum Problem {
    Unknown,
    Value(&'static str),
}

impl Problem {
    fn at(self, key: &str, input: &str) -> FlagError {
        let (key, input) = (key.to_owned(), input.to_owned());
        match self {
            Self::Unknown => FlagError::UnknownKey { key, input, expected: KEYS },
            Self::Value(expected) => FlagError::KeyValue { key, input, expected },
        }
    }
}

fn set(mount: &mut Mount, key: &str, value: Option<&str>, field: &str) -> Result<(), Problem> {
    let flag = || value.map_or(Ok(true), |v| switch::parse(v).map_err(|_| Problem::Value("true or false")));
    let text = || value.map(str::to_owned).ok_or(Problem::Value("key=value"));
    let pair = || {
        let value = value.ok_or(Problem::Value("key=value"))?;
        super::pair::label(value).map_err(|_| Problem::Value("key=value"))
    };
    match key {
        "type" => mount.kind = text()?.to_ascii_lowercase(),
        "source" | "src" => mount.source = text()?,
        "target" | "destination" | "dst" => mount.target = text()?,
        "readonly" | "ro" => mount.read_only = flag()?,
        "consistency" => mount.consistency = text()?.to_ascii_lowercase(),
        "bind-propagation" => mount.propagation = Some(text()?.to_ascii_lowercase()),
        "bind-nonrecursive" => mount.recursive = flag()?.then(|| "disabled".to_owned()),
        "bind-recursive" => match text()?.as_str() {
            mode @ ("enabled" | "disabled" | "writable" | "readonly") => {
                mount.recursive = Some(mode.to_owned())
            }
            _ => return Err(Problem::Value("enabled, disabled, writable or readonly")),
        },
        "bind-create-src" | "create-mountpoint" => mount.create_source = flag()?,
        "volume-nocopy" => mount.no_copy = flag()?,
        "volume-label" => mount.labels.push(pair()?),
        "volume-driver" => mount.driver = Some(text()?),
        "volume-opt" => mount.driver_options.push(pair()?),
        "volume-subpath" | "image-subpath" => mount.subpath = Some(text()?),
        "tmpfs-size" => {
            mount.tmpfs_size = Some(size::parse(&text()?).map_err(|_| Problem::Value("a size such as 64m"))?)
        }
        "tmpfs-mode" => {
            mount.tmpfs_mode = Some(
                u32::from_str_radix(&text()?, 8).map_err(|_| Problem::Value("an octal mode such as 1777"))?,
            )
        }
        "tmpfs-opt" => mount.tmpfs_options.push(text()?),
        _ if field.is_empty() => return Err(Problem::Value("no empty field")),
        _ => return Err(Problem::Unknown),
    }
    Ok(())
}

fn check(mut mount: Mount, keys: &[String], input: &str) -> Result<Mount, FlagError> {
    let missing = |key| Err(FlagError::MissingKey { key, input: input.to_owned() });
    match mount.kind.as_str() {
        "bind" if mount.source.is_empty() => return missing("source"),
        "bind" => mount.source = super::volume::absolute(&mount.source),
        "image" if mount.source.is_empty() => return missing("source"),
        "volume" | "tmpfs" | "image" | "npipe" | "cluster" => {}
        _ => return Err(Problem::Value("bind, volume, tmpfs or image").at("type", input)),
    }
    let kinds = ["bind", "volume", "image", "tmpfs"];
    let foreign =
        |key: &&String| kinds.iter().any(|kind| *kind != mount.kind && key.starts_with(&format!("{kind}-")));
    if let Some(key) = keys.iter().find(foreign) {
        return Err(FlagError::MountKind { key: key.clone(), kind: mount.kind, input: input.to_owned() });
    }
    if mount.target.is_empty() { missing("target") } else { Ok(mount) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ones() {
        let bind = parse("type=bind,src=/a,dst=/b,ro").unwrap();
        assert_eq!(
            (bind.kind.as_str(), bind.source.as_str(), bind.target.as_str(), bind.read_only),
            ("bind", "/a", "/b", true)
        );
        let tmpfs = parse("type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1777").unwrap();
        assert_eq!((tmpfs.tmpfs_size, tmpfs.tmpfs_mode), (Some(64 << 20), Some(0o1777)));
        let volume =
            parse("src=data,target=/d,volume-opt=a=b,\"volume-label=x=1,2\",readonly=false").unwrap();
        assert_eq!(volume.kind, "volume");
        assert_eq!(volume.labels, [("x".to_owned(), "1,2".to_owned())]);
        assert!(!volume.read_only);
    }

    #[test]
    fn errors_name_the_key() {
        let table = [
            (
                "type=foo,dst=/x",
                "invalid value for 'type' in 'type=foo,dst=/x': bind, volume, tmpfs or image is expected",
            ),
            ("type=bind,src=/x", "target is required in 'type=bind,src=/x'"),
            ("type=bind,dst=/x", "source is required in 'type=bind,dst=/x'"),
            (
                "type=bind,src=/a,dst=/b,ro=x",
                "invalid value for 'ro' in 'type=bind,src=/a,dst=/b,ro=x': true or false is expected",
            ),
        ];
        for (input, want) in table {
            assert_eq!(parse(input).unwrap_err().to_string(), want);
        }
        assert!(parse("foo=bar").unwrap_err().to_string().starts_with("unexpected key 'foo' in 'foo=bar'"));
        assert!(parse("\"type=bind").is_err());
        let mixed = parse("type=bind,src=/a,dst=/b,volume-nocopy").unwrap_err().to_string();
        assert!(mixed.starts_with("cannot mix 'volume-nocopy' with mount type 'bind'"), "{mixed}");
    }
}

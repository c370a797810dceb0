//! `--secret name`, `--config source=name,target=path,uid=0,gid=0,mode=0440`.

use super::{FlagError, fields};

/// The keys that are understood, for the error of one that is not.
const KEYS: &str = "source, target, uid, gid and mode";
/// Everybody may read.
const MODE: u32 = 0o444;

/// A secret or a config that a container is to have as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Its name.
    pub(crate) source: String,
    /// The file's path.
    pub(crate) target: String,
    pub(crate) uid: String,
    pub(crate) gid: String,
    pub(crate) mode: u32,
}

/// Reads one; quotes work as in CSV.
pub(crate) fn parse(input: &str) -> Result<Delivery, FlagError> {
    let root = || "0".to_owned();
    let (mut source, mut target) = (String::new(), String::new());
    let mut delivery =
        Delivery { source: String::new(), target: String::new(), uid: root(), gid: root(), mode: MODE };
    let fields = fields::split(input)?;
    if let [only] = &fields[..]
        && !only.contains('=')
    {
        source.clone_from(only);
    } else {
        for field in &fields {
            let Some((key, value)) = field.split_once('=') else {
                return Err(FlagError::Pair { input: field.clone() });
            };
            match key.to_ascii_lowercase().as_str() {
                "source" | "src" => value.clone_into(&mut source),
                "target" => value.clone_into(&mut target),
                "uid" => value.clone_into(&mut delivery.uid),
                "gid" => value.clone_into(&mut delivery.gid),
                "mode" => delivery.mode = mode(value, input)?,
                key => {
                    let (key, input) = (key.to_owned(), input.to_owned());
                    return Err(FlagError::UnknownKey { key, input, expected: KEYS });
                }
            }
        }
    }
    if source.is_empty() {
        return Err(FlagError::MissingKey { key: "source", input: input.to_owned() });
    }
    if target.is_empty() {
        target.clone_from(&source);
    }
    Ok(Delivery { source, target, ..delivery })
}

/// As Go reads a number: `0` or `0o` before it means octal.
fn mode(value: &str, input: &str) -> Result<u32, FlagError> {
    let octal = value.strip_prefix("0o").or_else(|| value.strip_prefix('0').filter(|rest| !rest.is_empty()));
    let read = match octal {
        Some(digits) => u32::from_str_radix(digits, 8),
        None => value.parse(),
    };
    let expected = "a mode such as 0440";
    read.map_err(|_| FlagError::KeyValue { key: "mode".to_owned(), input: input.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long() {
        let plain = parse("key").unwrap();
        assert_eq!((plain.source.as_str(), plain.target.as_str(), plain.mode), ("key", "key", 0o444));
        let long = parse("src=key,target=/etc/key,uid=7,gid=8,mode=0400").unwrap();
        assert_eq!((long.target.as_str(), long.uid.as_str(), long.gid.as_str()), ("/etc/key", "7", "8"));
        assert_eq!((long.mode, parse("source=k,mode=256").unwrap().mode), (0o400, 256));
        for wrong in ["", "target=x", "source=k,colour=red", "source=k,mode=x", "a,b", "source=k,mode=09"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

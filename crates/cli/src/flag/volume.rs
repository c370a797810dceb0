//! `-v [source:]target[:options]`.

use super::FlagError;

/// What one `-v` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Volume {
    /// `source:target[:options]`, the source absolute or a volume's name.
    Bind(String),
    /// A target alone: an anonymous volume.
    Anonymous(String),
}

/// Reads one.
pub(crate) fn parse(input: &str) -> Result<Volume, FlagError> {
    let bad = |reason| FlagError::Volume { input: input.to_owned(), reason };
    let parts: Vec<&str> = input.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(bad("[source:]target[:options] is expected, without empty parts"));
    }
    let target = if parts.len() == 1 { parts[0] } else { parts[1] };
    if !target.starts_with('/') {
        return Err(bad("the target must be an absolute path, such as /data"));
    }
    match parts[..] {
        [target] => Ok(Volume::Anonymous(target.to_owned())),
        [source, target] => Ok(Volume::Bind(format!("{}:{target}", absolute(source)))),
        [source, target, options] => {
            let known = |o: &str| {
                matches!(
                    o,
                    "ro" | "rw"
                        | "z"
                        | "Z"
                        | "U"
                        | "bind-nonrecursive"
                        | "nocopy"
                        | "volume-nocopy"
                        | "cached"
                        | "delegated"
                        | "consistent"
                ) || matches!(o, "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate")
            };
            if !options.split(',').all(known) {
                return Err(bad(
                    "options are ro, rw, z, Z, U, nocopy, bind-nonrecursive and the propagation modes, separated by commas",
                ));
            }
            Ok(Volume::Bind(format!("{}:{target}:{options}", absolute(source))))
        }
        _ => Err(bad("[source:]target[:options] is expected")),
    }
}

/// A path made absolute; what does not begin with a dot, a tilde or a slash is a volume's name.
pub(super) fn absolute(source: &str) -> String {
    if !source.starts_with('.') {
        return source.to_owned();
    }
    std::path::absolute(source)
        .ok()
        .and_then(|path| path.components().collect::<std::path::PathBuf>().to_str().map(str::to_owned))
        .unwrap_or_else(|| source.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(parse("/data"), Ok(Volume::Anonymous("/data".into())));
        assert_eq!(parse("/a:/b"), Ok(Volume::Bind("/a:/b".into())));
        assert_eq!(parse("name:/b:ro,z"), Ok(Volume::Bind("name:/b:ro,z".into())));
        let here = std::env::current_dir().unwrap();
        assert_eq!(parse("./x:/b"), Ok(Volume::Bind(format!("{}/x:/b", here.display()))));
        for input in ["", ":/x", "/a:", "/a:b", "relative", "/a:/b:nope", "/a:/b:ro:x"] {
            assert!(parse(input).unwrap_err().to_string().contains(&format!("'{input}'")), "{input}");
        }
    }
}

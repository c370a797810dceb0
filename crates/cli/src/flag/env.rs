//! Environment variables: `NAME=value`, `NAME` (its value is taken from this process), and files of such lines.

use super::FlagError;

/// Checks one `-e`; a name without a value is completed later, by `resolve`.
pub(crate) fn parse(input: &str) -> Result<String, FlagError> {
    match input.split_once('=').map_or(input, |(name, _)| name) {
        "" => Err(FlagError::Environment { input: input.to_owned() }),
        _ => Ok(input.to_owned()),
    }
}

/// Files first, then flags, each name completed from `lookup`. A name that is not set anywhere stays bare: the API
/// takes that as "remove it".
pub(crate) fn resolve(
    files: &[String],
    flags: &[String],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<String>, FlagError> {
    let mut out = Vec::new();
    for path in files {
        let lines = super::file::lines(path)?;
        for (number, line) in lines {
            let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
            let reason = match name {
                "" => "a name is missing before '='",
                name if name.contains(char::is_whitespace) => "a name must not contain white space",
                _ => {
                    // In files, unlike in flags, a name that is not set is left out.
                    out.extend(complete(&line, lookup).filter(|entry| entry.contains('=')));
                    continue;
                }
            };
            return Err(FlagError::File { path: path.clone(), line: number, reason });
        }
    }
    out.extend(flags.iter().filter_map(|flag| complete(flag, lookup)));
    Ok(out)
}

fn complete(entry: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if entry.contains('=') {
        return Some(entry.to_owned());
    }
    Some(lookup(entry).map_or_else(|| entry.to_owned(), |value| format!("{entry}={value}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn flags_override_files_and_names_are_completed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"# note\n\nA=1\nHOME\nUNSET\n  B= two words \n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let lookup = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let got = resolve(&[path], &["A=2".into(), "HOME".into(), "GONE".into()], &lookup).unwrap();
        assert_eq!(got, ["A=1", "HOME=/root", "B= two words ", "A=2", "HOME=/root", "GONE"]);
    }

    #[test]
    fn wrong_names() {
        assert_eq!(
            parse("=x").unwrap_err().to_string(),
            "invalid environment variable: =x: NAME or NAME=value is expected"
        );
        assert!(parse("A=").is_ok());
        let got = resolve(&["/no/such".into()], &[], &|_| None).unwrap_err().to_string();
        assert_eq!(got, "open /no/such: no such file or directory");
    }
}

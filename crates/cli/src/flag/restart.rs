//! Restart policies of containers.

use super::FlagError;

/// A policy and, for `on-failure`, how often at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restart {
    pub(crate) name: String,
    pub(crate) retries: i64,
}

/// Reads `no`, `always`, `unless-stopped`, `on-failure[:n]`.
pub(crate) fn parse(input: &str) -> Result<Restart, FlagError> {
    let bad = || FlagError::Restart { input: input.to_owned() };
    let (name, retries) = match input.split_once(':') {
        None => (input, 0),
        Some(("on-failure", count)) => ("on-failure", count.parse::<u32>().map_err(|_| bad())?),
        Some(_) => return Err(bad()),
    };
    match name {
        "" | "no" | "always" | "unless-stopped" | "on-failure" => {
            Ok(Restart { name: name.to_owned(), retries: i64::from(retries) })
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        assert_eq!(parse("on-failure:3"), Ok(Restart { name: "on-failure".into(), retries: 3 }));
        assert_eq!(parse("always").map(|p| p.retries), Ok(0));
        for input in ["foo", "always:3", "on-failure:x", "on-failure:-1"] {
            assert!(parse(input).unwrap_err().to_string().contains(&format!("'{input}'")));
        }
    }
}

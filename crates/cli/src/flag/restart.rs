//! Restart policies of containers.

use super::FlagError;

/// A policy and, for `on-failure`, how often at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restart {
    pub(crate) name: String,
    pub(crate) retries: i64,
    /// Ours: also start it again when its health check has failed.
    pub(crate) on_unhealthy: bool,
}

/// Reads `no`, `always`, `unless-stopped`, `on-failure[:n]`; `on-unhealthy` alone or after one of them and a comma.
pub(crate) fn parse(input: &str) -> Result<Restart, FlagError> {
    let bad = || FlagError::Restart { input: input.to_owned() };
    let (policy, on_unhealthy) = match input.strip_suffix("on-unhealthy") {
        None => (input, false),
        Some("") => ("no", true),
        Some(policy) => (policy.strip_suffix(',').ok_or_else(bad)?, true),
    };
    let (name, retries) = match policy.split_once(':') {
        None => (policy, 0),
        Some(("on-failure", count)) => ("on-failure", count.parse::<u32>().map_err(|_| bad())?),
        Some(_) => return Err(bad()),
    };
    match name {
        "" | "no" | "always" | "unless-stopped" | "on-failure" => {
            Ok(Restart { name: name.to_owned(), retries: i64::from(retries), on_unhealthy })
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        let policy = |name: &str, retries, on_unhealthy| Restart { name: name.into(), retries, on_unhealthy };
        assert_eq!(parse("on-unhealthy"), Ok(policy("no", 0, true)));
        assert_eq!(parse("on-failure:2,on-unhealthy"), Ok(policy("on-failure", 2, true)));
        assert_eq!(parse("on-failure:3"), Ok(policy("on-failure", 3, false)));
        assert_eq!(parse("always").map(|p| p.retries), Ok(0));
        for input in ["foo", "always:3", "on-failure:x", "on-failure:-1", "alwayson-unhealthy"] {
            assert!(parse(input).unwrap_err().to_string().contains(&format!("'{input}'")));
        }
    }
}

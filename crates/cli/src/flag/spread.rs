//! `--placement-pref spread=key`.

use super::FlagError;

/// Gives the key.
pub(crate) fn parse(input: &str) -> Result<String, FlagError> {
    let pair = input.split_once('=');
    let (strategy, key) = pair.ok_or_else(|| FlagError::Preference { input: input.to_owned() })?;
    match strategy.trim() {
        "spread" => Ok(key.trim().to_owned()),
        other => Err(FlagError::Strategy { strategy: other.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spreading_is_known() {
        assert_eq!(parse("spread=node.labels.x").as_deref(), Ok("node.labels.x"));
        let text = parse("binpack=a").unwrap_err().to_string();
        assert_eq!(text, "unsupported placement preference binpack (only spread is supported)");
        assert!(parse("spread").is_err());
    }
}

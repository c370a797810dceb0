//! `--credential-spec config://…|file://…|registry://…`: the daemon tells that only Windows has it.

use serde_json::{Value, json};

use super::FlagError;

/// Gives the API's form.
pub(crate) fn parse(input: &str) -> Result<Value, FlagError> {
    let (kind, value) = input.split_once("://").unwrap_or_default();
    match kind {
        "config" => Ok(json!({"Config": value})),
        "file" => Ok(json!({"File": value})),
        "registry" => Ok(json!({"Registry": value})),
        _ => Err(FlagError::Credential),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_places() {
        assert_eq!(parse("file://x"), Ok(json!({"File": "x"})));
        assert_eq!(parse("config://x"), Ok(json!({"Config": "x"})));
        assert!(parse("x").is_err() && parse("http://x").is_err());
    }
}

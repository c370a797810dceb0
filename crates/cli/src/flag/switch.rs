//! Booleans as Go reads them.

use super::FlagError;

/// `1`, `t`, `true`, `0`, `f`, `false`, in any of Go's capitalisations.
pub(crate) fn parse(input: &str) -> Result<bool, FlagError> {
    match input {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(FlagError::Switch { input: input.to_owned() }),
    }
}

//! Fields separated by commas, with CSV's quotes: how `--mount`, `--gpus` and contexts' `--docker` are written.

use super::FlagError;

/// Splits at commas outside double quotes; two double quotes inside quotes are one.
pub(crate) fn split(input: &str) -> Result<Vec<String>, FlagError> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut chars = input.chars().peekable();
    while let Some(c) = chars.next() {
        let last = out.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                out[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => out[last].push(c),
        }
    }
    if quoted { Err(FlagError::Words { input: input.to_owned() }) } else { Ok(out) }
}

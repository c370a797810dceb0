//! A network of a service: `name`, or `name=…,alias=…,driver-opt=key=value`.

use std::collections::BTreeMap;

use super::{FlagError, fields};

const KEYS: &str = "name, alias and driver-opt";

/// A network, and how a service is to be on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) options: BTreeMap<String, String>,
}

/// Reads one.
pub(crate) fn parse(input: &str) -> Result<Attachment, FlagError> {
    if !input.contains('=') {
        return Ok(Attachment { name: input.to_owned(), ..Attachment::default() });
    }
    let mut attachment = Attachment::default();
    for field in fields::split(input)? {
        let (key, value) = field.split_once('=').ok_or_else(|| FlagError::Pair { input: field.clone() })?;
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => value.clone_into(&mut attachment.name),
            "alias" => attachment.aliases.push(value.to_owned()),
            "driver-opt" => {
                let (key, value) =
                    value.split_once('=').ok_or_else(|| FlagError::Pair { input: value.to_owned() })?;
                attachment.options.insert(key.to_owned(), value.to_owned());
            }
            key => {
                let (key, input) = (key.to_owned(), input.to_owned());
                return Err(FlagError::UnknownKey { key, input, expected: KEYS });
            }
        }
    }
    if attachment.name.is_empty() {
        return Err(FlagError::MissingKey { key: "name", input: input.to_owned() });
    }
    Ok(attachment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long() {
        assert_eq!(parse("front").map(|one| one.name).as_deref(), Ok("front"));
        let long = parse("name=front,alias=a,alias=b,driver-opt=x=y").unwrap();
        assert_eq!((long.name.as_str(), &long.aliases[..]), ("front", &["a".to_owned(), "b".to_owned()][..]));
        assert_eq!(long.options["x"], "y");
        for wrong in ["alias=a", "name=a,moon=full", "name=a,driver-opt=x", "name=a,b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

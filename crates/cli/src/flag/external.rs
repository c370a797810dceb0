//! `--external-ca protocol=cfssl,url=https://…[,cacert=FILE][,option=value]`.

use serde_json::{Map, Value, json};

use super::{FlagError, fields, pem};

const PROTOCOL: &str = "cfssl";

/// The authority as the API has it.
pub(crate) fn parse(input: &str) -> Result<Value, FlagError> {
    let wrong = |reason: String| FlagError::ExternalCa { reason };
    let (mut protocol, mut url, mut certificate) = (None, None, None);
    let mut options = Map::new();
    for field in fields::split(input)? {
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| wrong(format!("invalid field '{field}' must be a key=value pair")))?;
        match key.to_ascii_lowercase().as_str() {
            "protocol" if value.eq_ignore_ascii_case(PROTOCOL) => protocol = Some(PROTOCOL),
            "protocol" => return Err(wrong(format!("unrecognized external CA protocol {value}"))),
            "url" => url = Some(value.to_owned()),
            "cacert" => certificate = Some(pem::read(value)?),
            _ => drop(options.insert(key.to_owned(), json!(value))),
        }
    }
    let needs = |name: &str| wrong(format!("the external-ca option needs a {name}= parameter"));
    let (protocol, url) = (protocol.ok_or_else(|| needs("protocol"))?, url.ok_or_else(|| needs("url"))?);
    let mut authority = json!({"Protocol": protocol, "URL": url});
    if !options.is_empty() {
        authority["Options"] = Value::Object(options);
    }
    if let Some(certificate) = certificate {
        authority["CACert"] = json!(certificate);
    }
    Ok(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_may_say() {
        assert_eq!(
            parse("protocol=CFSSL,url=https://ca.example,profile=node").expect("parses"),
            json!({"Protocol": "cfssl", "URL": "https://ca.example", "Options": {"profile": "node"}})
        );
        for (input, reason) in [
            ("nonsense", "invalid field 'nonsense' must be a key=value pair"),
            ("protocol=acme,url=x", "unrecognized external CA protocol acme"),
            ("url=x", "the external-ca option needs a protocol= parameter"),
            ("protocol=cfssl", "the external-ca option needs a url= parameter"),
            ("protocol=cfssl,url=x,cacert=/no/such", "open /no/such: no such file or directory"),
        ] {
            assert_eq!(parse(input).expect_err(input).to_string(), reason);
        }
    }
}

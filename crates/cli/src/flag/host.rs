//! `--add-host name:ip`.

use std::net::IpAddr;

use super::FlagError;

/// The daemon puts its own address here.
const GATEWAY: &str = "host-gateway";

/// Gives `name:ip`, the API's form, from `name:ip` or `name=ip`.
pub(crate) fn parse(input: &str) -> Result<String, FlagError> {
    let bad = || FlagError::AddHost { input: input.to_owned() };
    let (name, ip) = input.split_once('=').or_else(|| input.split_once(':')).ok_or_else(bad)?;
    let ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    if name.is_empty() || (ip != GATEWAY && ip.parse::<IpAddr>().is_err()) {
        return Err(bad());
    }
    Ok(format!("{name}:{ip}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(parse("db:10.0.0.5").as_deref(), Ok("db:10.0.0.5"));
        assert_eq!(parse("db=::1").as_deref(), Ok("db:::1"));
        assert_eq!(parse("db:[::1]").as_deref(), Ok("db:::1"));
        assert_eq!(parse("h:host-gateway").as_deref(), Ok("h:host-gateway"));
        for input in ["foo", "foo:", ":1.2.3.4", "foo:bar"] {
            assert!(parse(input).is_err(), "{input}");
        }
    }
}

//! `--listen-addr <ip|interface>[:port]`: which interface there is, the daemon knows; what a port is, is known here.

use std::net::IpAddr;

use super::FlagError;

/// The text, if what stands behind its last colon is a port.
pub(crate) fn parse(input: &str) -> Result<String, FlagError> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let has_none = input.ends_with(']') || input.parse::<IpAddr>().is_ok();
    match input.rsplit_once(':') {
        Some((_, port)) if !has_none && !is_port(port) => {
            Err(FlagError::AddressPort { input: input.to_owned(), port: port.to_owned() })
        }
        _ => Ok(input.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number() {
        for good in ["eth0", "eth0:1", "10.0.0.1", "10.0.0.1:2377", "::1", "[::1]", "[::1]:9"] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in ["lo:many", "10.0.0.1:70000", "[::1]:x", "lo:"] {
            assert!(parse(bad).expect_err(bad).to_string().contains("invalid port"), "{bad}");
        }
    }
}

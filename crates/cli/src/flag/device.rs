//! `--device host-path[:container-path][:rwm]`.

use super::FlagError;

/// A device of the host inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) host: String,
    pub(crate) container: String,
    pub(crate) permissions: String,
}

/// Reads one.
pub(crate) fn parse(input: &str) -> Result<Device, FlagError> {
    let mode = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let parts: Vec<&str> = input.split(':').collect();
    let (host, container, permissions) = match parts[..] {
        [host] => (host, host, "rwm"),
        [host, second] if mode(second) => (host, host, second),
        [host, container] => (host, container, "rwm"),
        [host, container, permissions] if mode(permissions) => (host, container, permissions),
        _ => return Err(FlagError::Device { input: input.to_owned() }),
    };
    if !host.starts_with('/') || !container.starts_with('/') {
        return Err(FlagError::Device { input: input.to_owned() });
    }
    Ok(Device { host: host.to_owned(), container: container.to_owned(), permissions: permissions.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let short = |d: Device| format!("{} {} {}", d.host, d.container, d.permissions);
        assert_eq!(parse("/dev/null").map(short).as_deref(), Ok("/dev/null /dev/null rwm"));
        assert_eq!(parse("/dev/a:r").map(short).as_deref(), Ok("/dev/a /dev/a r"));
        assert_eq!(parse("/dev/a:/dev/b:rw").map(short).as_deref(), Ok("/dev/a /dev/b rw"));
        for input in ["", "a", "/dev/a:/dev/b:x", "/a:b:c:d"] {
            assert!(parse(input).is_err(), "{input}");
        }
    }
}

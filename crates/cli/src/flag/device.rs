//! `--device host-path[:container-path][:rwm]`, and devices by the name that the Container Device Interface gives them.

use super::FlagError;

/// A device for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Device {
    /// A device file of the host.
    Path { host: String, container: String, permissions: String },
    /// `vendor.com/class=name`.
    Cdi(String),
}

/// Reads one.
pub(crate) fn parse(input: &str) -> Result<Device, FlagError> {
    if is_cdi(input) {
        return Ok(Device::Cdi(input.to_owned()));
    }
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
    let [host, container, permissions] = [host, container, permissions].map(str::to_owned);
    Ok(Device::Path { host, container, permissions })
}

/// Whether it is a qualified name: `vendor/class=name`, each part beginning with a letter or a digit.
fn is_cdi(input: &str) -> bool {
    let part = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
    input
        .split_once('=')
        .and_then(|(kind, name)| Some((kind.split_once('/')?, name)))
        .is_some_and(|((vendor, class), name)| part(vendor) && part(class) && part(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let short = |device| match device {
            Device::Path { host, container, permissions } => format!("{host} {container} {permissions}"),
            Device::Cdi(name) => name,
        };
        assert_eq!(parse("nvidia.com/gpu=0").map(short).as_deref(), Ok("nvidia.com/gpu=0"));
        assert_eq!(parse("/dev/null").map(short).as_deref(), Ok("/dev/null /dev/null rwm"));
        assert_eq!(parse("/dev/a:r").map(short).as_deref(), Ok("/dev/a /dev/a r"));
        assert_eq!(parse("/dev/a:/dev/b:rw").map(short).as_deref(), Ok("/dev/a /dev/b rw"));
        for input in ["", "a", "a/b=", "/dev/a:/dev/b:x", "/a:b:c:d"] {
            assert!(parse(input).is_err(), "{input}");
        }
    }
}

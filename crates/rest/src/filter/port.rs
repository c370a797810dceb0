//! Filters by port: `port[/protocol]` or `first-last[/protocol]`.

use engine::spec::{Port, Protocol};

use crate::failure::Failure;

/// Ranges of ports to look for.
#[derive(Debug, Default)]
pub(crate) struct Ports(Vec<Range>);

#[derive(Debug)]
struct Range {
    first: u16,
    last: u16,
    protocol: Protocol,
}

impl Ports {
    pub(crate) fn new(filter: &str, values: &[String]) -> Result<Self, Failure> {
        let wrong = |value: &str| Failure::invalid(format!("invalid filter '{filter}={value}'"));
        let read = |value: &String| {
            let (numbers, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            let range = Range {
                first: first.parse().ok()?,
                last: last.parse().ok()?,
                protocol: protocol.parse().ok()?,
            };
            (range.first <= range.last).then_some(range)
        };
        values.iter().map(|value| read(value).ok_or_else(|| wrong(value))).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is looked for, or one of the ports is.
    pub(crate) fn fit(&self, mut ports: impl Iterator<Item = Port>) -> bool {
        self.0.is_empty() || ports.any(|port| self.0.iter().any(|range| range.has(port)))
    }
}

impl Range {
    fn has(&self, port: Port) -> bool {
        port.protocol == self.protocol && (self.first..=self.last).contains(&port.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_protocols() {
        let fit = |filter: &str, port: &str| {
            let ports = Ports::new("expose", &[filter.to_owned()]).expect("filter");
            ports.fit(std::iter::once(port.parse().expect("port")))
        };
        assert!(fit("80", "80/tcp") && fit("8000-8010/tcp", "8010/tcp") && fit("53/udp", "53/udp"));
        assert!(!fit("53/udp", "53/tcp") && !fit("80", "81"));
        assert!(
            Ports::new("expose", &["web".into()]).is_err() && Ports::new("expose", &["9-8".into()]).is_err()
        );
    }
}

//! The column PORTS of `ps`: ports that follow each other are told as a range.

use engine_api::container::PortSummary;

/// Docker's text: `0.0.0.0:8080-8081->80-81/tcp, 90/tcp`.
pub(super) fn display(ports: &[PortSummary]) -> String {
    let mut ports: Vec<&PortSummary> = ports.iter().collect();
    ports.sort_by_key(|port| (port.private_port, port.ip.clone(), port.public_port, port.kind.clone()));
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for port in ports {
        let next = Range::of(port);
        match ranges.iter_mut().find(|range| range.is_before(&next)) {
            Some(range) => {
                range.private.1 = next.private.1;
                range.public = range.public.zip(next.public).map(|((first, _), (_, last))| (first, last));
            }
            None => ranges.push(next),
        }
    }
    ranges.iter().map(Range::text).collect::<Vec<_>>().join(", ")
}

struct Range<'a> {
    ip: Option<&'a str>,
    kind: &'a str,
    private: (u16, u16),
    public: Option<(u16, u16)>,
}

impl<'a> Range<'a> {
    fn of(port: &'a PortSummary) -> Self {
        let public = port.public_port.filter(|port| *port > 0).map(|port| (port, port));
        let ip = port.ip.as_deref().filter(|_| public.is_some());
        Self { ip, kind: &port.kind, private: (port.private_port, port.private_port), public }
    }

    /// Whether `next` continues this one: both sides by one, on the same address.
    fn is_before(&self, next: &Self) -> bool {
        let follows = |a: u16, b: u16| a.checked_add(1) == Some(b);
        let public = match (self.public, next.public) {
            (None, None) => true,
            (Some((_, last)), Some((first, _))) => follows(last, first),
            _ => false,
        };
        self.ip == next.ip && self.kind == next.kind && public && follows(self.private.1, next.private.0)
    }

    fn text(&self) -> String {
        let span = |(first, last): (u16, u16)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        let private = format!("{}/{}", span(self.private), self.kind);
        match (self.ip.unwrap_or_default(), self.public) {
            (_, None) => private,
            ("", Some(public)) => format!("{}->{private}", span(public)),
            (ip, Some(public)) if ip.contains(':') => format!("[{ip}]:{}->{private}", span(public)),
            (ip, Some(public)) => format!("{ip}:{}->{private}", span(public)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, public: u16, private: u16, kind: &str) -> PortSummary {
        PortSummary {
            ip: (!ip.is_empty()).then(|| ip.to_owned()),
            private_port: private,
            public_port: (public > 0).then_some(public),
            kind: kind.to_owned(),
        }
    }

    #[test]
    fn ranges_and_singles() {
        let table: [(&[PortSummary], &str); 5] = [
            (&[], ""),
            (&[port("", 0, 80, "tcp"), port("", 0, 53, "udp")], "53/udp, 80/tcp"),
            (
                &[port("0.0.0.0", 8080, 80, "tcp"), port("::", 8080, 80, "tcp")],
                "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
            ),
            (&[port("0.0.0.0", 81, 81, "tcp"), port("0.0.0.0", 80, 80, "tcp")], "0.0.0.0:80-81->80-81/tcp"),
            (
                &[port("0.0.0.0", 90, 80, "tcp"), port("0.0.0.0", 95, 81, "tcp")],
                "0.0.0.0:90->80/tcp, 0.0.0.0:95->81/tcp",
            ),
        ];
        for (ports, want) in table {
            assert_eq!(display(ports), want);
        }
    }
}

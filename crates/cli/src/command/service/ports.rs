//! Published ports of services: from flags to the API, and from the API to columns.

use engine_api::swarm::EndpointPortConfig;
use serde_json::{Value, json};

use crate::error::Error;
use crate::flag::port::Published;

/// The API's objects for what `-p` flags say.
pub(super) fn to_json(flags: &[Published]) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    for port in flags.iter().flat_map(|ports| &ports.0) {
        if !port.ip.is_empty() {
            return Err(Error::Usage(format!(
                "hostip is not supported for services: leave '{}' out of the published port",
                port.ip
            )));
        }
        let published = match port.host {
            None => 0,
            Some((first, last)) if first == last => first,
            Some((first, last)) => {
                return Err(Error::Usage(format!(
                    "a service publishes one port, not any of the range {first}-{last}"
                )));
            }
        };
        let mode = port.mode.as_deref().unwrap_or("ingress");
        let mut object =
            json!({"Protocol": port.protocol, "TargetPort": port.container, "PublishMode": mode});
        if published > 0 {
            object["PublishedPort"] = json!(published);
        }
        out.push(object);
    }
    Ok(out)
}

/// The column PORTS: `*:8080->80/tcp`; ports that follow each other are told as a range. Only those that every node publishes: where one
/// of a host is published, its task tells.
pub(super) fn display(ports: &[EndpointPortConfig]) -> String {
    let is_every_nodes = |port: &&EndpointPortConfig| port.published_port > 0 && port.publish_mode != "host";
    let mut ports: Vec<&EndpointPortConfig> = ports.iter().filter(is_every_nodes).collect();
    ports.sort_by_key(|port| (port.protocol.clone(), port.published_port, port.target_port));
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for port in ports {
        match ranges.last_mut().filter(|range| range.is_before(port)) {
            Some(range) => (range.published.1, range.target.1) = (port.published_port, port.target_port),
            None => ranges.push(Range {
                protocol: &port.protocol,
                published: (port.published_port, port.published_port),
                target: (port.target_port, port.target_port),
            }),
        }
    }
    ranges.iter().map(Range::text).collect::<Vec<_>>().join(", ")
}

/// The same column of a task: each port that is its host's, as its node told them.
pub(super) fn of_task(ports: &[EndpointPortConfig]) -> String {
    let one = |port: &EndpointPortConfig| {
        format!("*:{}->{}/{}", port.published_port, port.target_port, port.protocol)
    };
    ports.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Ports that follow each other on both sides.
struct Range<'a> {
    protocol: &'a str,
    published: (u32, u32),
    target: (u32, u32),
}

impl Range<'_> {
    fn is_before(&self, port: &EndpointPortConfig) -> bool {
        self.protocol == port.protocol
            && self.published.1.checked_add(1) == Some(port.published_port)
            && self.target.1.checked_add(1) == Some(port.target_port)
    }

    fn text(&self) -> String {
        let span = |(first, last): (u32, u32)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        format!("*:{}->{}/{}", span(self.published), span(self.target), self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flag::port;

    #[test]
    fn both_ways() {
        let flags = [
            port::parse("8080-8081:80-81").unwrap(),
            port::parse("target=53,protocol=udp,mode=host").unwrap(),
            port::parse("target=82,published=8082,mode=host").unwrap(),
        ];
        let got = to_json(&flags).unwrap();
        assert_eq!(
            got[0],
            json!({"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"})
        );
        assert_eq!(got[2], json!({"Protocol": "udp", "TargetPort": 53, "PublishMode": "host"}));
        let told: Vec<EndpointPortConfig> =
            got.iter().map(|port| serde_json::from_value(port.clone()).unwrap()).collect();
        assert_eq!(display(&told), "*:8080-8081->80-81/tcp");
        let of_hosts: Vec<EndpointPortConfig> =
            told.into_iter().filter(|port| port.publish_mode == "host" && port.published_port > 0).collect();
        assert_eq!((display(&of_hosts), of_task(&of_hosts).as_str()), (String::new(), "*:8082->82/tcp"));
        assert!(to_json(&[port::parse("127.0.0.1:80:80").unwrap()]).is_err());
    }
}

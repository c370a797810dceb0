//! Published ports.

use std::collections::BTreeSet;

use super::{Invalid, Verdict};
use crate::pb;

const MAX_PORT: u32 = 65_535;

pub(super) fn check(endpoint: &pb::EndpointSpec) -> Verdict {
    let mut published = BTreeSet::new();
    for port in &endpoint.ports {
        if port.target_port == 0 || port.target_port > MAX_PORT {
            return Err(Invalid::new(format!("EndpointSpec: invalid target port {}", port.target_port)));
        }
        if port.published_port > MAX_PORT {
            return Err(Invalid::new(format!(
                "EndpointSpec: invalid published port {}",
                port.published_port
            )));
        }
        let ingress = port.publish_mode() == pb::PublishMode::Ingress;
        if ingress && endpoint.mode() == pb::EndpointMode::Dnsrr {
            return Err(Invalid::new(
                "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
            ));
        }
        let key = (port.protocol, port.published_port);
        if port.published_port != 0 && !published.insert(key) {
            return Err(Invalid::new("EndpointSpec: duplicate published ports provided"));
        }
    }
    Ok(())
}

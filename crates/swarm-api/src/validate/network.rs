//! Networks of the swarm.

use super::{Invalid, Verdict};
use crate::{naming, pb};

/// The one driver there is.
const DRIVER: &str = "overlay";
/// Who gives addresses.
const IPAM_DRIVER: &str = "default";
const MAX_NAME_LEN: usize = 63;
/// Further names that mean something else wherever a network is named.
const RESERVED: [&str; 2] = ["default", "ingress"];

pub(super) fn check(spec: &pb::NetworkSpec) -> Verdict {
    let name = spec.annotations.as_ref().map_or("", |annotations| annotations.name.as_str());
    check_name(name)?;
    if spec.driver != DRIVER {
        return Err(Invalid::new(format!("could not find plugin {} of networks of the swarm", spec.driver)));
    }
    if !matches!(spec.ipam_driver.as_str(), "" | IPAM_DRIVER) {
        return Err(Invalid::new(format!("could not find plugin {} of addresses", spec.ipam_driver)));
    }
    if spec.ingress {
        return Err(Invalid::new("another network for the routing mesh is not implemented yet"));
    }
    Ok(())
}

/// Docker's alphabet of names of networks.
fn check_name(name: &str) -> Verdict {
    if name.is_empty() {
        return Err(Invalid::new("meta: name must be provided"));
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if !begins || !name.bytes().all(inner) || name.len() > MAX_NAME_LEN {
        return Err(Invalid::new(format!(
            "invalid network name {name:?}: at most {MAX_NAME_LEN} letters, digits, '-', '_' and '.'"
        )));
    }
    if naming::is_network_of_nodes(name) || RESERVED.contains(&name) {
        return Err(Invalid::new(format!("the network name {name:?} is reserved")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str) -> pb::NetworkSpec {
        pb::NetworkSpec {
            annotations: Some(pb::Annotations { name: name.to_owned(), ..Default::default() }),
            driver: DRIVER.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn names_and_drivers() {
        for name in ["web", "shop_default", "a.b-c", "1"] {
            assert!(check(&spec(name)).is_ok(), "{name}");
        }
        for name in ["", "-a", "a/b", "ingress", "host", &"x".repeat(64)] {
            assert!(check(&spec(name)).is_err(), "{name}");
        }
        assert!(check(&pb::NetworkSpec { driver: "weave".to_owned(), ..spec("web") }).is_err());
        assert!(check(&pb::NetworkSpec { ipam_driver: "dhcp".to_owned(), ..spec("web") }).is_err());
        assert!(check(&pb::NetworkSpec { ingress: true, ..spec("web") }).is_err());
    }
}

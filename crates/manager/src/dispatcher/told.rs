//! What a node tells of itself when its session opens, as far as it is believed.

use std::net::IpAddr;

use swarm_api::pb;

use crate::node;

/// A root certificate and a name with its key are not longer, in bytes.
const MAX_TLS: usize = 16 * 1024;

/// What is noted on the node's record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) description: pb::NodeDescription,
    /// Where the node is.
    pub(super) addr: Option<IpAddr>,
    /// Where its manager is called; none, if it tells none or is no manager.
    pub(super) manager_addr: Option<String>,
}

impl Told {
    /// Of a node whose connection comes from `seen`, if it comes from the network.
    pub(super) fn new(request: pb::SessionRequest, seen: Option<IpAddr>, is_manager: bool) -> Self {
        let mut description = request.description.unwrap_or_default();
        let len = |tls: &pb::NodeTls| {
            tls.trust_root_pem.len() + tls.issuer_subject.len() + tls.issuer_public_key.len()
        };
        description.tls = description.tls.filter(|tls| len(tls) <= MAX_TLS);
        let specified = |addr: &IpAddr| !addr.is_unspecified();
        let addr = request.addr.parse().ok().filter(specified).or(seen);
        let manager_addr = Some(request.manager_addr).filter(|addr| is_manager && node::is_addr(addr));
        Self { description, addr, manager_addr }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(addr: &str, manager_addr: &str, is_manager: bool) -> Told {
        let (addr, manager_addr) = (addr.to_owned(), manager_addr.to_owned());
        let request = pb::SessionRequest { addr, manager_addr, ..Default::default() };
        Told::new(request, Some([10, 0, 0, 9].into()), is_manager)
    }

    #[test]
    fn an_address_that_is_told_comes_before_the_one_that_is_seen() {
        assert_eq!(told("10.0.0.1", "", false).addr, Some([10, 0, 0, 1].into()));
        for nonsense in ["", "0.0.0.0", "not an address", "10.0.0.1:5"] {
            assert_eq!(told(nonsense, "", false).addr, Some([10, 0, 0, 9].into()), "{nonsense}");
        }
    }

    #[test]
    fn only_managers_tell_where_they_are_called() {
        let of = |addr: &str, is_manager| told("", addr, is_manager).manager_addr;
        for good in ["10.0.0.1:2377", "[::1]:2377", "host.example:1"] {
            assert_eq!(of(good, true).as_deref(), Some(good));
            assert_eq!(of(good, false), None);
        }
        for bad in
            ["", "10.0.0.1", ":2377", "host:0", "host:99999", "a b:1", &format!("{}:1", "a".repeat(300))]
        {
            assert_eq!(of(bad, true), None, "{bad}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let tls = pb::NodeTls { trust_root_pem: vec![0; MAX_TLS + 1], ..Default::default() };
        let description = Some(pb::NodeDescription { tls: Some(tls), ..Default::default() });
        let request = pb::SessionRequest { description, ..Default::default() };
        assert_eq!(Told::new(request, None, false).description.tls, None);
    }
}

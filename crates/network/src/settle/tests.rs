//! Tables of requests and what comes of them.

use std::collections::BTreeMap;

use super::*;
use crate::{ErrorKind, SubnetRequest};

fn request(name: &str) -> NetworkRequest {
    NetworkRequest { name: name.to_owned(), ..NetworkRequest::default() }
}

fn subnet(subnet: &str, range: &str, gateway: &str) -> SubnetRequest {
    SubnetRequest {
        subnet: subnet.to_owned(),
        ip_range: range.to_owned(),
        gateway: gateway.to_owned(),
        aux_addresses: BTreeMap::new(),
    }
}

fn option(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn settle_beside(records: &[NetworkRecord], request: NetworkRequest) -> Result<NetworkRecord> {
    let mut pools = ipam::default_pools();
    pools.push(Pool::unique_local([1; 5]));
    let taken = ["172.17.0.0/16".parse().unwrap(), "192.168.0.0/16".parse().unwrap()];
    settle(
        request,
        Ground {
            id: "0123456789abcdef".repeat(4),
            now_ns: 7,
            bridge_prefix: "shb1234".to_owned(),
            records: records.iter().collect(),
            pools: &pools,
            taken: &taken,
            mtu: 1500,
        },
    )
}

fn text(request: NetworkRequest) -> String {
    settle_beside(&[], request).unwrap_err().to_string()
}

#[test]
fn a_name_is_enough() {
    let record = settle_beside(&[], request("one")).unwrap();
    assert_eq!(record.interface, "shb123401234567");
    assert_eq!(record.subnets.len(), 1);
    assert_eq!(record.subnets[0].subnet.to_string(), "172.18.0.0/16");
    assert_eq!(record.subnets[0].gateway.unwrap().to_string(), "172.18.0.1");
    assert_eq!((record.mtu, record.driver, record.enable_ipv6), (1500, Driver::Bridge, false));
    let second = NetworkRequest { enable_ipv6: Some(true), ..request("two") };
    let second = settle_beside(&[record], second);
    assert_eq!(
        second.unwrap_err().kind(),
        ErrorKind::Forbidden,
        "the test's id is the same, and so the bridge"
    );
}

#[test]
fn dual_stack_and_ipv6_alone_come_out_of_the_pools() {
    let both = settle_beside(&[], NetworkRequest { enable_ipv6: Some(true), ..request("one") }).unwrap();
    let subnets: Vec<_> = both.subnets.iter().map(|subnet| subnet.subnet.to_string()).collect();
    assert_eq!(subnets, ["172.18.0.0/16", "fd01:101:101::/64"]);
    assert_eq!(both.subnets[1].gateway.unwrap().to_string(), "fd01:101:101::1");
    let alone = NetworkRequest { enable_ipv4: Some(false), enable_ipv6: Some(true), ..request("one") };
    assert!(settle_beside(&[], alone).unwrap().subnet_v4().is_none());
    let none = NetworkRequest { enable_ipv4: Some(false), ..request("one") };
    assert_eq!(text(none), "IPv4 or IPv6 must be enabled");
}

#[test]
fn what_is_told_is_kept() {
    let mut wished = subnet("10.1.0.0/16", "10.1.5.0/24", "");
    wished.aux_addresses.insert("router".to_owned(), "10.1.5.0".parse().unwrap());
    let record = settle_beside(&[], NetworkRequest { subnets: vec![wished], ..request("one") }).unwrap();
    assert_eq!(record.subnets[0].gateway.unwrap().to_string(), "10.1.5.1", "the first free of the range");
    let over_a_route = subnet("192.168.7.0/24", "", "192.168.7.9");
    let record =
        settle_beside(&[], NetworkRequest { subnets: vec![over_a_route], ..request("one") }).unwrap();
    assert_eq!(record.subnets[0].gateway.unwrap().to_string(), "192.168.7.9");
}

#[test]
fn wrong_subnets_are_told_in_dockers_words() {
    let cases = [
        (subnet("10.0.0.0", "", ""), "invalid subnet 10.0.0.0: invalid CIDR block notation"),
        (subnet("10.0.0.1/8", "", ""), "invalid subnet 10.0.0.1/8: it should be 10.0.0.0/8"),
        (subnet("fd00::/64", "", ""), "invalid subnet fd00::/64: IPv6 has not been enabled for this network"),
        (
            subnet("10.0.0.0/24", "10.0.0.0/8", ""),
            "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.0.0.0/24",
        ),
        (
            subnet("10.0.0.0/24", "10.0.1.0/25", ""),
            "invalid ip-range 10.0.1.0/25: parent subnet 10.0.0.0/24 doesn't contain ip-range",
        ),
        (
            subnet("10.0.0.0/24", "", "10.0.1.1"),
            "invalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't contain this address",
        ),
        (subnet("10.0.0.0/24", "", "fd00::1"), "invalid gateway fd00::1: parent subnet is an IPv4 block"),
        (subnet("10.0.0.0/24", "", "x"), "invalid gateway x: invalid address"),
        (subnet("", "", "10.0.0.1"), "invalid subnet : invalid CIDR block notation"),
    ];
    for (wished, wanted) in cases {
        let error =
            settle_beside(&[], NetworkRequest { subnets: vec![wished], ..request("one") }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.to_string(), format!("invalid network config:\n{wanted}"));
    }
}

#[test]
fn overlaps_and_addresses_given_twice_are_refused() {
    let wish = |block: &str| NetworkRequest { subnets: vec![subnet(block, "", "")], ..request("two") };
    let mut one = settle_beside(&[], wish("10.0.0.0/16")).unwrap();
    "other".clone_into(&mut one.interface);
    "one".clone_into(&mut one.name);
    let overlap = "invalid pool request: Pool overlaps with other one on this address space";
    for block in ["10.0.0.0/16", "10.0.7.0/24", "10.0.0.0/8"] {
        let error = settle_beside(std::slice::from_ref(&one), wish(block)).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (overlap, ErrorKind::Forbidden));
    }
    assert!(settle_beside(&[one], wish("10.1.0.0/16")).is_ok());
    let mut same = subnet("10.0.0.0/24", "", "10.0.0.9");
    same.aux_addresses.insert("router".to_owned(), "10.0.0.9".parse().unwrap());
    assert_eq!(text(NetworkRequest { subnets: vec![same], ..request("one") }), "Address already in use");
    let network_itself = subnet("10.0.0.0/24", "", "10.0.0.0");
    assert!(text(NetworkRequest { subnets: vec![network_itself], ..request("one") }).contains("10.0.0.0"));
    let two = vec![subnet("10.0.0.0/24", "", ""), subnet("10.0.1.0/24", "", "")];
    assert_eq!(
        text(NetworkRequest { subnets: two, ..request("one") }),
        "bridge driver doesn't support multiple subnets"
    );
}

#[test]
fn names_drivers_and_options_are_checked() {
    let cases = [
        (request(""), "name is empty", ErrorKind::Invalid),
        (request("a/b"), "invalid network name", ErrorKind::Invalid),
        (
            NetworkRequest { driver: "weave".to_owned(), ..request("one") },
            "could not find plugin weave in v1 plugin registry: plugin not found",
            ErrorKind::NotFound,
        ),
        (
            NetworkRequest { driver: "host".to_owned(), ..request("one") },
            "only one instance of \"host\" network is allowed",
            ErrorKind::Forbidden,
        ),
        (
            NetworkRequest { options: option("com.docker.network.bridge.enable_icc", "x"), ..request("one") },
            "failed to parse com.docker.network.bridge.enable_icc value: x (strconv.ParseBool: parsing \"x\": invalid syntax)",
            ErrorKind::Invalid,
        ),
        (
            NetworkRequest { options: option("com.docker.network.driver.mtu", "-1"), ..request("one") },
            "invalid MTU number: -1",
            ErrorKind::Invalid,
        ),
        (
            NetworkRequest { options: option("com.docker.network.bridge.nonsense", "1"), ..request("one") },
            "unknown option com.docker.network.bridge.nonsense",
            ErrorKind::Invalid,
        ),
        (
            NetworkRequest {
                options: option("com.docker.network.bridge.gateway_mode_ipv4", "isolated"),
                ..request("one")
            },
            "can only be used for an internal network",
            ErrorKind::Invalid,
        ),
        (
            NetworkRequest {
                options: option("com.docker.network.bridge.name", "much-too-long-a-name"),
                ..request("one")
            },
            "invalid interface name",
            ErrorKind::Invalid,
        ),
        (
            NetworkRequest { driver: "macvlan".to_owned(), ..request("one") },
            "-o parent=NAME",
            ErrorKind::Invalid,
        ),
        (
            NetworkRequest {
                driver: "ipvlan".to_owned(),
                options: option("ipvlan_mode", "l4"),
                ..request("one")
            },
            "requested ipvlan mode 'l4' is not valid, 'l2' mode",
            ErrorKind::Invalid,
        ),
    ];
    for (request, wanted, kind) in cases {
        let error = settle_beside(&[], request).unwrap_err();
        assert!(error.to_string().contains(wanted.trim_end_matches(" mode")), "{error}");
        assert_eq!(error.kind(), kind, "{error}");
    }
    let own = NetworkRequest { options: option("org.example.color", "blue"), ..request("one") };
    assert!(settle_beside(&[], own).is_ok(), "names of others are theirs");
}

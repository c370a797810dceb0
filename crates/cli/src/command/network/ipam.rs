//! `--subnet`, `--ip-range`, `--gateway` and `--aux-address`, each given any number of times, joined subnet by subnet. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::error::Error;
use crate::flag::cidr::Cidr;

/// One subnet, as the API has it.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Subnet {
    subnet: String,
    #[serde(rename = "IPRange", skip_serializing_if = "String::is_empty")]
    ip_range: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    gateway: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    auxiliary_addresses: BTreeMap<String, String>,
}

/// Docker's rules: a range, gateway or address belongs to the subnet that has it, and no subnet has two of the first two.
pub(super) fn join(
    subnets: &[String],
    ranges: &[String],
    gateways: &[String],
    aux: &[(String, String)],
) -> Result<Vec<Subnet>, Error> {
    let wrong = |text: String| Err(Error::Usage(text));
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        return wrong("every ip-range or gateway must have a corresponding subnet".to_owned());
    }
    let mut joined: Vec<(Option<Cidr>, Subnet)> = Vec::new();
    for text in subnets {
        let block = Cidr::parse(text);
        let overlaps = |(other, _): &(Option<Cidr>, Subnet)| match (block, *other) {
            (Some(one), Some(other)) => one.covers(other) || other.covers(one),
            _ => false,
        };
        if joined.iter().any(overlaps) {
            return wrong("multiple overlapping subnet configuration is not supported".to_owned());
        }
        joined.push((block, Subnet { subnet: text.clone(), ..Subnet::default() }));
    }
    for text in ranges {
        let block = Cidr::parse(text);
        let fits = |subnet: Cidr| block.is_some_and(|block| subnet.covers(block));
        let Some(found) = find(&mut joined, fits) else {
            return wrong(format!("no matching subnet for range {text}"));
        };
        if !found.ip_range.is_empty() {
            return wrong(format!(
                "cannot configure multiple ranges ({text}, {}) on the same subnet ({})",
                found.ip_range, found.subnet
            ));
        }
        found.ip_range.clone_from(text);
    }
    for text in gateways {
        let Some(found) = holding(&mut joined, text) else {
            return wrong(format!("no matching subnet for gateway {text}"));
        };
        if !found.gateway.is_empty() {
            return wrong(format!(
                "cannot configure multiple gateways ({text}, {}) for the same subnet ({})",
                found.gateway, found.subnet
            ));
        }
        found.gateway.clone_from(text);
    }
    for (name, text) in aux {
        let Some(found) = holding(&mut joined, text) else {
            return wrong(format!("no matching subnet for aux-address {text}"));
        };
        found.auxiliary_addresses.insert(name.clone(), text.clone());
    }
    Ok(joined.into_iter().map(|(_, subnet)| subnet).collect())
}

fn find(joined: &mut [(Option<Cidr>, Subnet)], fits: impl Fn(Cidr) -> bool) -> Option<&mut Subnet> {
    joined.iter_mut().find(|(block, _)| block.is_some_and(&fits)).map(|(_, subnet)| subnet)
}

fn holding<'j>(joined: &'j mut [(Option<Cidr>, Subnet)], text: &str) -> Option<&'j mut Subnet> {
    let address: IpAddr = text.parse().ok()?;
    find(joined, |block| block.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    fn said(subnets: &[&str], ranges: &[&str], gateways: &[&str], aux: &[(&str, &str)]) -> String {
        let aux: Vec<_> = aux.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        join(&texts(subnets), &texts(ranges), &texts(gateways), &aux).unwrap_err().to_string()
    }

    #[test]
    fn what_belongs_together_is_joined() {
        let aux = [("x".to_owned(), "fd00::9".to_owned())];
        let got = join(
            &texts(&["10.0.0.0/8", "fd00::/64"]),
            &texts(&["10.1.0.0/16"]),
            &texts(&["fd00::1", "10.0.0.9"]),
            &aux,
        )
        .unwrap();
        assert_eq!(
            serde_json::to_value(&got).unwrap(),
            serde_json::json!([
                {"Subnet": "10.0.0.0/8", "IPRange": "10.1.0.0/16", "Gateway": "10.0.0.9"},
                {"Subnet": "fd00::/64", "Gateway": "fd00::1", "AuxiliaryAddresses": {"x": "fd00::9"}},
            ])
        );
        assert_eq!(join(&[], &[], &[], &[]).unwrap(), []);
    }

    #[test]
    fn dockers_sentences() {
        assert_eq!(
            said(&[], &[], &["10.0.0.1"], &[]),
            "every ip-range or gateway must have a corresponding subnet"
        );
        assert_eq!(
            said(&["10.0.0.0/8", "10.1.0.0/16"], &[], &[], &[]),
            "multiple overlapping subnet configuration is not supported"
        );
        assert_eq!(
            said(&["10.0.0.0/8"], &["11.0.0.0/16"], &[], &[]),
            "no matching subnet for range 11.0.0.0/16"
        );
        assert_eq!(said(&["10.0.0.0/8"], &[], &["fd00::1"], &[]), "no matching subnet for gateway fd00::1");
        assert_eq!(
            said(&["10.0.0.0/8", "11.0.0.0/8"], &[], &["10.0.0.1", "10.0.0.2"], &[]),
            "cannot configure multiple gateways (10.0.0.2, 10.0.0.1) for the same subnet (10.0.0.0/8)"
        );
        assert_eq!(
            said(&["10.0.0.0/8"], &[], &[], &[("a", "1.1.1.1")]),
            "no matching subnet for aux-address 1.1.1.1"
        );
    }
}

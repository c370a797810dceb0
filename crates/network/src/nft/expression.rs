//! Rules, expression by expression. Names and numbers are those of linux/netfilter/nf_tables.h.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam::Cidr;
use nix::libc;

use crate::kernel::Attributes;

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
pub(super) const NFTA_DATA_VALUE: u16 = 1;
pub(super) const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_VERDICT_CHAIN: u16 = 2;

/// `NF_DROP` and `NF_ACCEPT`, which are netfilter's, not nftables'.
const DROP: i32 = 0;
const ACCEPT: i32 = 1;

/// Registers, as nft numbers them: 1 begins at the first byte, 8 + n at the n-th four bytes.
const FIRST: u32 = 1;
const FOUR_BYTES: u32 = 8;
const SECOND: u32 = FOUR_BYTES + 1;

/// Where the destination port lies in the headers of TCP, UDP and SCTP, in bytes.
const DESTINATION_PORT_OFFSET: u32 = 2;

/// The two families of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const BOTH: [Family; 2] = [Family::V4, Family::V6];

    pub(super) fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// The kernel's number.
    pub(super) fn number(self) -> libc::c_int {
        match self {
            Family::V4 => libc::NFPROTO_IPV4,
            Family::V6 => libc::NFPROTO_IPV6,
        }
    }

    /// An address's length, in bytes.
    pub(super) fn address_len(self) -> u32 {
        match self {
            Family::V4 => 4,
            Family::V6 => 16,
        }
    }

    /// Where the source address lies in the header, in bytes.
    fn source_offset(self) -> u32 {
        match self {
            Family::V4 => 12,
            Family::V6 => 8,
        }
    }

    fn destination_offset(self) -> u32 {
        self.source_offset() + self.address_len()
    }

    /// The register of the n-th four bytes behind an address in the first one.
    fn behind_address(self, n: u32) -> u32 {
        FOUR_BYTES + self.address_len() / 4 + n
    }
}

/// `RTN_LOCAL`: an address of this machine.
const ADDRESS_TYPE_LOCAL: u32 = 2;
/// `IPS_DST_NAT`: the flow's destination has been translated.
const STATUS_DNAT: u32 = 1 << 5;
/// Established or related, as bits of `ct state`.
const STATE_KNOWN: u32 = 2 | 4;

/// A rule's list of expressions under construction; each method is one phrase of nft's language.
pub(super) struct Rule<'a, 'b>(&'a mut Attributes<'b>);

impl<'a, 'b> Rule<'a, 'b> {
    pub(super) fn new(list: &'a mut Attributes<'b>) -> Rule<'a, 'b> {
        Rule(list)
    }

    /// `iifname "name"`
    pub(super) fn comes_from(&mut self, interface: &str) -> &mut Self {
        self.meta(libc::NFT_META_IIFNAME).compare(libc::NFT_CMP_EQ, &interface_name(interface))
    }

    /// `oifname "name"`
    pub(super) fn goes_to(&mut self, interface: &str) -> &mut Self {
        self.meta(libc::NFT_META_OIFNAME).compare(libc::NFT_CMP_EQ, &interface_name(interface))
    }

    /// `iifname @set`
    pub(super) fn comes_from_any(&mut self, set: &str) -> &mut Self {
        self.meta(libc::NFT_META_IIFNAME).lookup(set, FIRST, None, None)
    }

    /// `oifname @set`
    pub(super) fn goes_to_any(&mut self, set: &str) -> &mut Self {
        self.meta(libc::NFT_META_OIFNAME).lookup(set, FIRST, None, None)
    }

    /// `iifname vmap @map`
    pub(super) fn branch_by_source(&mut self, map: &str) -> &mut Self {
        self.meta(libc::NFT_META_IIFNAME).lookup(map, FIRST, Some(libc::NFT_REG_VERDICT as u32), None)
    }

    /// `oifname vmap @map`
    pub(super) fn branch_by_destination(&mut self, map: &str) -> &mut Self {
        self.meta(libc::NFT_META_OIFNAME).lookup(map, FIRST, Some(libc::NFT_REG_VERDICT as u32), None)
    }

    /// `meta nfproto ipv4`, or `ipv6`: what every look at an address needs before it.
    pub(super) fn is_of(&mut self, family: Family) -> &mut Self {
        self.meta(libc::NFT_META_NFPROTO).compare(libc::NFT_CMP_EQ, &[family.number() as u8])
    }

    /// `meta l4proto icmp`, or `icmpv6`
    pub(super) fn is_icmp(&mut self, family: Family) -> &mut Self {
        let number = match family {
            Family::V4 => libc::IPPROTO_ICMP,
            Family::V6 => libc::IPPROTO_ICMPV6,
        };
        self.meta(libc::NFT_META_L4PROTO).compare(libc::NFT_CMP_EQ, &[number as u8])
    }

    /// `ip saddr subnet`, or `ip6`
    pub(super) fn source_in(&mut self, subnet: Cidr) -> &mut Self {
        let family = Family::of(subnet.address());
        self.is_of(family).address(family.source_offset(), subnet)
    }

    /// `ip daddr subnet`, or `ip6`
    pub(super) fn destination_in(&mut self, subnet: Cidr) -> &mut Self {
        let family = Family::of(subnet.address());
        self.is_of(family).address(family.destination_offset(), subnet)
    }

    /// `fib daddr type local`
    pub(super) fn destination_is_local(&mut self) -> &mut Self {
        const DREG: u16 = 1;
        const RESULT: u16 = 2;
        const FLAGS: u16 = 3;
        const RESULT_ADDRTYPE: u32 = 3;
        const FLAG_DADDR: u32 = 1 << 1;
        self.push("fib", |fib| {
            fib.number(FLAGS, FLAG_DADDR).number(RESULT, RESULT_ADDRTYPE).number(DREG, FIRST);
        })
        .compare(libc::NFT_CMP_EQ, &ADDRESS_TYPE_LOCAL.to_ne_bytes())
    }

    /// `ct status dnat`
    pub(super) fn was_translated(&mut self) -> &mut Self {
        self.conntrack_bits(libc::NFT_CT_STATUS, STATUS_DNAT)
    }

    /// `ct state established,related`
    pub(super) fn is_known(&mut self) -> &mut Self {
        self.conntrack_bits(libc::NFT_CT_STATE, STATE_KNOWN)
    }

    /// `iifname != "name"`
    pub(super) fn comes_from_elsewhere_than(&mut self, interface: &str) -> &mut Self {
        self.meta(libc::NFT_META_IIFNAME).compare(libc::NFT_CMP_NEQ, &interface_name(interface))
    }

    /// `dnat ip to ip daddr . meta l4proto . th dport map @map`
    pub(super) fn translate_by_address(&mut self, family: Family, map: &str) -> &mut Self {
        self.is_of(family)
            .address_protocol_and_port(family)
            .lookup(map, FIRST, Some(FIRST), None)
            .translate(family)
    }

    /// `ip daddr . meta l4proto . th dport @map`
    pub(super) fn is_listed_at(&mut self, family: Family, set: &str) -> &mut Self {
        self.is_of(family).address_protocol_and_port(family).lookup(set, FIRST, None, None)
    }

    /// The same with a map, whose value is left unused.
    pub(super) fn is_published_at(&mut self, family: Family, map: &str) -> &mut Self {
        self.is_of(family).address_protocol_and_port(family).lookup(map, FIRST, Some(FIRST), None)
    }

    /// `dnat ip to meta l4proto . th dport map @map`
    pub(super) fn translate_by_port(&mut self, family: Family, map: &str) -> &mut Self {
        self.is_of(family).protocol_and_port().lookup(map, FIRST, Some(FIRST), None).translate(family)
    }

    /// `meta l4proto . th dport vmap @map`
    pub(super) fn branch_by_port(&mut self, map: &str) -> &mut Self {
        self.is_of(Family::V4).protocol_and_port().lookup(
            map,
            FIRST,
            Some(libc::NFT_REG_VERDICT as u32),
            None,
        )
    }

    /// `dnat ip to numgen random mod count map @set`, where the set is an anonymous one of this transaction.
    pub(super) fn translate_at_random(&mut self, count: u32, set: &str, set_id: u32) -> &mut Self {
        const DREG: u16 = 1;
        const MODULUS: u16 = 2;
        const TYPE: u16 = 3;
        const OFFSET: u16 = 4;
        const RANDOM: u32 = 1;
        self.push("numgen", |numgen| {
            numgen.number(DREG, FIRST).number(MODULUS, count).number(TYPE, RANDOM).number(OFFSET, 0);
        })
        .lookup(set, FIRST, Some(FIRST), Some(set_id))
        .translate(Family::V4)
    }

    /// `meta nfproto ipv4 ip daddr address meta l4proto protocol th dport port`
    pub(super) fn destination_is(&mut self, address: Ipv4Addr, protocol: u8, port: u16) -> &mut Self {
        let family = Family::V4;
        self.is_of(family)
            .payload(
                libc::NFT_PAYLOAD_NETWORK_HEADER,
                family.destination_offset(),
                family.address_len(),
                FIRST,
            )
            .compare(libc::NFT_CMP_EQ, &address.octets())
            .meta(libc::NFT_META_L4PROTO)
            .compare(libc::NFT_CMP_EQ, &[protocol])
            .payload(libc::NFT_PAYLOAD_TRANSPORT_HEADER, DESTINATION_PORT_OFFSET, 2, FIRST)
            .compare(libc::NFT_CMP_EQ, &port.to_be_bytes())
    }

    /// `dnat ip to address:port`
    pub(super) fn translate_to(&mut self, address: Ipv4Addr, port: u16) {
        self.load(FIRST, &address.octets()).load(SECOND, &port.to_be_bytes()).translate(Family::V4);
    }

    /// `masquerade`
    pub(super) fn masquerade(&mut self) {
        self.push("masq", |_| {});
    }

    /// `accept`
    pub(super) fn accept(&mut self) {
        self.verdict(ACCEPT, None);
    }

    /// `drop`
    pub(super) fn drop(&mut self) {
        self.verdict(DROP, None);
    }

    /// `return`
    pub(super) fn go_back(&mut self) {
        self.verdict(libc::NFT_RETURN, None);
    }

    /// `jump chain`
    pub(super) fn jump(&mut self, chain: &str) {
        self.verdict(libc::NFT_JUMP, Some(chain));
    }

    /// `meta mark & bit != 0`
    pub(super) fn is_marked(&mut self, bit: u32) -> &mut Self {
        self.meta(libc::NFT_META_MARK)
            .bitwise(&bit.to_ne_bytes(), &[0; 4])
            .compare(libc::NFT_CMP_EQ, &bit.to_ne_bytes())
    }

    /// `meta mark set meta mark | bit`, or without it.
    pub(super) fn set_mark(&mut self, bit: u32, on: bool) {
        const KEY: u16 = 2;
        const SREG: u16 = 3;
        let xor = if on { bit } else { 0 };
        self.meta(libc::NFT_META_MARK).bitwise(&(!bit).to_ne_bytes(), &xor.to_ne_bytes()).push(
            "meta",
            |meta| {
                meta.number(KEY, libc::NFT_META_MARK as u32).number(SREG, FIRST);
            },
        );
    }

    /// `counter`
    pub(super) fn count(&mut self) -> &mut Self {
        self.push("counter", |_| {})
    }

    fn address_protocol_and_port(&mut self, family: Family) -> &mut Self {
        self.payload(
            libc::NFT_PAYLOAD_NETWORK_HEADER,
            family.destination_offset(),
            family.address_len(),
            FIRST,
        )
        .meta_into(libc::NFT_META_L4PROTO, family.behind_address(0))
        .payload(
            libc::NFT_PAYLOAD_TRANSPORT_HEADER,
            DESTINATION_PORT_OFFSET,
            2,
            family.behind_address(1),
        )
    }

    fn protocol_and_port(&mut self) -> &mut Self {
        self.meta(libc::NFT_META_L4PROTO).payload(
            libc::NFT_PAYLOAD_TRANSPORT_HEADER,
            DESTINATION_PORT_OFFSET,
            2,
            SECOND,
        )
    }

    fn address(&mut self, offset: u32, subnet: Cidr) -> &mut Self {
        let mask = octets(subnet.netmask());
        self.payload(libc::NFT_PAYLOAD_NETWORK_HEADER, offset, mask.len() as u32, FIRST)
            .bitwise(&mask, &vec![0; mask.len()])
            .compare(libc::NFT_CMP_EQ, &octets(subnet.first()))
    }

    fn conntrack_bits(&mut self, key: libc::c_int, bits: u32) -> &mut Self {
        const DREG: u16 = 1;
        const KEY: u16 = 2;
        self.push("ct", |ct| {
            ct.number(KEY, key as u32).number(DREG, FIRST);
        })
        .bitwise(&bits.to_ne_bytes(), &[0; 4])
        .compare(libc::NFT_CMP_NEQ, &[0; 4])
    }

    fn meta(&mut self, key: libc::c_int) -> &mut Self {
        self.meta_into(key, FIRST)
    }

    fn meta_into(&mut self, key: libc::c_int, register: u32) -> &mut Self {
        const DREG: u16 = 1;
        const KEY: u16 = 2;
        self.push("meta", |meta| {
            meta.number(KEY, key as u32).number(DREG, register);
        })
    }

    fn payload(&mut self, base: libc::c_int, offset: u32, len: u32, register: u32) -> &mut Self {
        const DREG: u16 = 1;
        const BASE: u16 = 2;
        const OFFSET: u16 = 3;
        const LEN: u16 = 4;
        self.push("payload", |payload| {
            payload.number(DREG, register).number(BASE, base as u32).number(OFFSET, offset).number(LEN, len);
        })
    }

    /// Puts bytes into a register.
    fn load(&mut self, register: u32, value: &[u8]) -> &mut Self {
        const DREG: u16 = 1;
        const DATA: u16 = 2;
        self.push("immediate", |immediate| {
            immediate.number(DREG, register).nested(DATA, |data| {
                data.bytes(NFTA_DATA_VALUE, value);
            });
        })
    }

    /// What is in the first register, masked and flipped.
    fn bitwise(&mut self, mask: &[u8], xor: &[u8]) -> &mut Self {
        const SREG: u16 = 1;
        const DREG: u16 = 2;
        const LEN: u16 = 3;
        const MASK: u16 = 4;
        const XOR: u16 = 5;
        self.push("bitwise", |bitwise| {
            bitwise.number(SREG, FIRST).number(DREG, FIRST).number(LEN, mask.len() as u32);
            bitwise.nested(MASK, |data| {
                data.bytes(NFTA_DATA_VALUE, mask);
            });
            bitwise.nested(XOR, |data| {
                data.bytes(NFTA_DATA_VALUE, xor);
            });
        })
    }

    fn compare(&mut self, operation: libc::c_int, value: &[u8]) -> &mut Self {
        const SREG: u16 = 1;
        const OPERATION: u16 = 2;
        const DATA: u16 = 3;
        self.push("cmp", |cmp| {
            cmp.number(SREG, FIRST).number(OPERATION, operation as u32).nested(DATA, |data| {
                data.bytes(NFTA_DATA_VALUE, value);
            });
        })
    }

    fn lookup(&mut self, set: &str, source: u32, destination: Option<u32>, set_id: Option<u32>) -> &mut Self {
        const SET: u16 = 1;
        const SREG: u16 = 2;
        const DREG: u16 = 3;
        const SET_ID: u16 = 4;
        self.push("lookup", |lookup| {
            lookup.text(SET, set).number(SREG, source);
            if let Some(destination) = destination {
                lookup.number(DREG, destination);
            }
            if let Some(id) = set_id {
                lookup.number(SET_ID, id);
            }
        })
    }

    /// `dnat` to what a lookup has put into the registers: an address, and a port behind it.
    fn translate(&mut self, family: Family) -> &mut Self {
        const TYPE: u16 = 1;
        const FAMILY: u16 = 2;
        const ADDRESS: u16 = 3;
        const PORT: u16 = 5;
        const TYPE_DNAT: u32 = 1;
        self.push("nat", |nat| {
            nat.number(TYPE, TYPE_DNAT)
                .number(FAMILY, family.number() as u32)
                .number(ADDRESS, FIRST)
                .number(PORT, family.behind_address(0));
        })
    }

    fn verdict(&mut self, code: i32, chain: Option<&str>) {
        const DREG: u16 = 1;
        const DATA: u16 = 2;
        self.push("immediate", |immediate| {
            immediate
                .number(DREG, libc::NFT_REG_VERDICT as u32)
                .nested(DATA, |data| put_verdict(data, code, chain));
        });
    }

    fn push(&mut self, name: &str, fill: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        self.0.nested(NFTA_LIST_ELEM, |expression| {
            expression.text(NFTA_EXPR_NAME, name).nested(NFTA_EXPR_DATA, fill);
        });
        self
    }
}

/// Writes a verdict as data, for a rule or for an element of a verdict map.
pub(super) fn put_verdict(data: &mut Attributes<'_>, code: i32, chain: Option<&str>) {
    data.nested(NFTA_DATA_VERDICT, |verdict| {
        verdict.number(NFTA_VERDICT_CODE, code as u32);
        if let Some(chain) = chain {
            verdict.text(NFTA_VERDICT_CHAIN, chain);
        }
    });
}

/// An address as it is in a header.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// 127.0.0.0/8
pub(super) fn loopback() -> Cidr {
    Cidr::new(Ipv4Addr::new(127, 0, 0, 0), 8).expect("a prefix length of at most 32")
}

/// ::1
pub(super) fn loopback_v6() -> Cidr {
    Cidr::new(Ipv6Addr::LOCALHOST, 128).expect("a prefix length of at most 128")
}

pub(super) fn interface_name(name: &str) -> [u8; libc::IFNAMSIZ] {
    let mut padded = [0; libc::IFNAMSIZ];
    let len = name.len().min(libc::IFNAMSIZ - 1);
    padded[..len].copy_from_slice(&name.as_bytes()[..len]);
    padded
}

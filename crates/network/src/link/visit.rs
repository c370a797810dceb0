//! One visit to a container's network namespace: interfaces come, interfaces go, the ways out are set. Two sends to
//! the kernel, one from the host's side and one inside, whatever there is to do.

use std::fs::File;
use std::io;
use std::net::IpAddr;

use ipam::Cidr;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};

use super::forward::{allow_ipv6, ask_nobody};
use super::message::{address_message, delete_link, up, without_ipv6_address};
use super::wire::{Wire, Wiring};
use crate::kernel::{Request, Route};
use crate::{Error, Result};

/// The loopback interface is the first one of every network namespace.
const LOOPBACK_INDEX: u32 = 1;

/// What interfaces without an end on the host's side are called while they are made, before their number. One that we
/// leave behind when we die goes with its namespace, or with the next visit, which fails of it.
const DRAFT: &str = "shoal-draft";

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visit {
    /// Interfaces to make.
    pub(crate) make: Vec<Wiring>,
    /// Pairs to remove, by their ends on the host's side. One that is gone already is as good as removed.
    pub(crate) remove_outside: Vec<String>,
    /// Interfaces to remove inside.
    pub(crate) remove_inside: Vec<String>,
    /// The ways out; `None` leaves them as they are.
    pub(crate) ways: Option<Ways>,
}

/// A container's default routes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    pub(crate) v4: Option<Way>,
    pub(crate) v6: Option<Way>,
}

/// One default route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// The interface inside.
    pub(crate) interface: String,
    /// Where it leads; `None` is whoever is there.
    pub(crate) gateway: Option<IpAddr>,
}

/// Does it. On failure nothing that was to be made is left.
///
/// The calling thread ends up in the container's network namespace: it must be one that does nothing else.
pub(crate) fn visit(visit: &Visit, namespace: &File) -> Result<()> {
    let mut host = Route::open()?;
    for name in &visit.remove_outside {
        ignore_absence(host.apply(vec![delete_link(name)]))?;
    }
    let requests =
        visit.make.iter().enumerate().flat_map(|(number, wiring)| wiring.requests(namespace, &draft(number)));
    let requests = requests.collect();
    host.apply(requests).and_then(|()| inside(visit, namespace)).inspect_err(|_| {
        // The cause is what the caller must hear; there may be nothing to delete.
        for (number, wiring) in visit.make.iter().enumerate() {
            match wiring.host_interface() {
                Some(name) => drop(host.apply(vec![delete_link(name)])),
                None => drop(remove_inside(namespace, &draft(number), &wiring.interface)),
            }
        }
    })
}

/// Brings up the loopback interface. The calling thread ends up in the namespace.
pub(crate) fn raise_loopback(namespace: &File) -> Result<()> {
    enter(namespace)?;
    Route::open()?.apply(vec![loopback_up()])
}

/// Opens the network namespace of process `pid`.
pub(crate) fn open_namespace(pid: u32) -> Result<File> {
    let path = format!("/proc/{pid}/ns/net");
    File::open(&path).map_err(Error::kernel(format!("open {path}")))
}

fn enter(namespace: &File) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
        .map_err(|errno| Error::kernel("enter the container's network namespace")(errno.into()))
}

/// Removes an interface by the name that it has come to.
fn remove_inside(namespace: &File, draft: &str, name: &str) -> Result<()> {
    enter(namespace)?;
    let mut route = Route::open()?;
    // While there is a draft, the name is somebody else's.
    route.apply(vec![delete_link(draft)]).or_else(|_| ignore_absence(route.apply(vec![delete_link(name)])))
}

fn draft(number: usize) -> String {
    format!("{DRAFT}{number}")
}

fn inside(visit: &Visit, namespace: &File) -> Result<()> {
    if visit.make.is_empty() && visit.remove_inside.is_empty() && visit.ways.is_none() {
        return Ok(());
    }
    enter(namespace)?;
    let mut route = Route::open()?;
    for name in &visit.remove_inside {
        ignore_absence(route.apply(vec![delete_link(name)]))?;
    }
    let mut renames = Vec::new();
    for (number, wiring) in visit.make.iter().enumerate() {
        if wiring.host_interface().is_none() {
            renames.push(wiring.rename(index_of(&draft(number))?));
        }
    }
    route.apply(renames)?;
    let mut requests = vec![loopback_up()];
    for wiring in &visit.make {
        requests.extend(setup(wiring)?);
    }
    let (mut set, mut clear) = (Vec::new(), Vec::new());
    if let Some(ways) = &visit.ways {
        for (way, family) in [(&ways.v4, AddressFamily::Inet), (&ways.v6, AddressFamily::Inet6)] {
            match way {
                Some(way) => set.push(set_way(way, family)?),
                // A container that has just got its first interfaces has no way out that could be wrong.
                None if visit.make.is_empty() => clear.push(clear_way(family)),
                None => {}
            }
        }
    }
    requests.extend(set);
    route.apply(requests)?;
    for request in clear {
        ignore_absence(route.apply(vec![request]))?;
    }
    Ok(())
}

/// Gives an interface that has just been made its addresses, and brings it up.
fn setup(wiring: &Wiring) -> Result<Vec<Request>> {
    let index = index_of(&wiring.interface)?;
    let mut link = LinkMessage::default();
    link.header.index = index;
    if wiring.addresses.iter().any(|address| address.is_ipv6()) {
        allow_ipv6(&wiring.interface)?;
        if matches!(wiring.wire, Wire::Veth { .. }) {
            ask_nobody(&wiring.interface);
        }
    } else {
        link.attributes.push(LinkAttribute::AfSpecUnspec(vec![without_ipv6_address()]));
    }
    let address = |address: &Cidr| {
        Request::create(
            RouteNetlinkMessage::NewAddress(address_message(index, *address)),
            format!("give the container the address {address}"),
        )
    };
    let mut requests: Vec<Request> = wiring.addresses.iter().map(address).collect();
    let step = "bring up the container's interface";
    requests.push(Request::change(RouteNetlinkMessage::NewLink(up(link)), step));
    Ok(requests)
}

fn index_of(interface: &str) -> Result<u32> {
    if_nametoindex(interface)
        .map_err(|errno| Error::kernel("look up the container's interface")(io::Error::from(errno)))
}

fn loopback_up() -> Request {
    let mut link = LinkMessage::default();
    link.header.index = LOOPBACK_INDEX;
    Request::change(RouteNetlinkMessage::NewLink(up(link)), "bring up the container's loopback interface")
}

fn set_way(way: &Way, family: AddressFamily) -> Result<Request> {
    let mut route = default_route(family);
    route.attributes.push(RouteAttribute::Oif(index_of(&way.interface)?));
    match way.gateway {
        Some(IpAddr::V4(gateway)) => {
            route.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)))
        }
        Some(IpAddr::V6(gateway)) => {
            route.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet6(gateway)))
        }
        None => route.header.scope = RouteScope::Link,
    }
    let step = match way.gateway {
        Some(gateway) => format!("set the container's default route to {gateway}"),
        None => format!("set the container's default route to {}", way.interface),
    };
    Ok(Request::replace(RouteNetlinkMessage::NewRoute(route), step))
}

fn clear_way(family: AddressFamily) -> Request {
    let step = "remove the container's default route";
    Request::change(RouteNetlinkMessage::DelRoute(default_route(family)), step)
}

fn default_route(family: AddressFamily) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.address_family = family;
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = RouteProtocol::Boot;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    route
}

/// What was to be removed and is not there is as good as removed.
pub(crate) fn ignore_absence(result: Result<()>) -> Result<()> {
    const ABSENT: [i32; 3] = [nix::libc::ENODEV, nix::libc::ESRCH, nix::libc::ENOENT];
    match result {
        Err(Error::Kernel { source, .. })
            if source.raw_os_error().is_some_and(|code| ABSENT.contains(&code)) =>
        {
            Ok(())
        }
        other => other,
    }
}

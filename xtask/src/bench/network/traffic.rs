//! Requests per second to a server in a container, on every way that leads there.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::host::{Host, inside};
use super::server::Server;
use super::{NETWORK, in_turn};
use crate::bench::measure::{prepare, remove, start};
use crate::bench::table::Table;
use crate::process::output;

/// How often each way is taken; the median counts.
const ROUNDS: usize = 3;
/// How long a round lasts, as `wrk` takes it.
const DURATION: &str = "1s";
/// Connections at a time.
const CONNECTIONS: &str = "16";
/// The server's addresses on its network.
const ADDRESSES: [&str; 2] = ["10.77.9.9", "fd77::9:9"];

/// Where the client is.
#[derive(Clone, Copy)]
enum Place {
    Host,
    Neighbour,
    Container,
}

const WAYS: [(&str, Place, &str); 8] = [
    ("127.0.0.1", Place::Host, "http://127.0.0.1:8080/"),
    ("[::1]", Place::Host, "http://[::1]:8080/"),
    ("the host's own IPv4", Place::Host, "http://192.0.2.1:8080/"),
    ("the host's own IPv6", Place::Host, "http://[2001:db8::1]:8080/"),
    ("a neighbour, IPv4", Place::Neighbour, "http://192.0.2.1:8080/"),
    ("a neighbour, IPv6", Place::Neighbour, "http://[2001:db8::1]:8080/"),
    ("container to container, IPv4", Place::Container, "http://10.77.9.9/"),
    ("container to container, IPv6", Place::Container, "http://[fd77::9:9]/"),
];
/// What a way is called when each request has a connection of its own.
const KINDS: [(&str, &[&str]); 2] = [("requests", &[]), ("connections", &["-H", "Connection: close"])];

/// One host's containers while its traffic is measured.
struct Pair {
    server: String,
    client: String,
    /// The client's network namespace.
    place: String,
    _process: Server,
}

pub(super) fn measure(hosts: &[Host]) -> Result<Table> {
    let pairs = hosts.iter().map(pair).collect::<Result<Vec<_>>>()?;
    let mut table = Table::default();
    for (kind, header) in KINDS {
        for (name, place, url) in WAYS {
            let mut turns = pairs.iter().cycle();
            let medians = in_turn(hosts, ROUNDS, |host| {
                let pair = turns.next().context("no containers")?;
                let place = match place {
                    Place::Host => host.own.path(),
                    Place::Neighbour => host.neighbour.path(),
                    Place::Container => pair.place.clone(),
                };
                Ok([per_second(&place, header, url).with_context(|| host.daemon.name)?])
            })?;
            for [rate] in medians {
                table.add(&format!("{kind}, {name} (1/s)"), rate);
            }
        }
    }
    for (host, Pair { server, client, .. }) in hosts.iter().zip(&pairs) {
        remove(&host.daemon, server)?;
        remove(&host.daemon, client)?;
    }
    Ok(table)
}

fn pair(host: &Host) -> Result<Pair> {
    let [ipv4, ipv6] = ADDRESSES;
    let chosen = json!({ "IPAMConfig": { "IPv4Address": ipv4, "IPv6Address": ipv6 } });
    let server = json!({
        "Image": "bench:latest", "Cmd": ["sleep", "100000"], "ExposedPorts": { "80/tcp": {} },
        "HostConfig": { "NetworkMode": NETWORK, "PortBindings": { "80/tcp": [{ "HostPort": "8080" }] } },
        "NetworkingConfig": { "EndpointsConfig": { NETWORK: chosen } },
    });
    let client = json!({
        "Image": "bench:latest", "Cmd": ["sleep", "100000"], "HostConfig": { "NetworkMode": NETWORK },
    });
    let run = |body| -> Result<(String, String)> {
        let id = prepare(&host.daemon, body)?;
        start(&host.daemon, &id)?;
        let told = host.daemon.call("GET", &format!("/containers/{id}/json"), None)?;
        Ok((id, format!("/proc/{}/ns/net", told["State"]["Pid"])))
    };
    let (server, behind) = run(&server)?;
    let (client, place) = run(&client)?;
    Ok(Pair { server, client, place, _process: Server::start(&behind)? })
}

fn per_second(place: &str, header: &[&str], url: &str) -> Result<f64> {
    let mut command = inside(place, Path::new("wrk"));
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", DURATION]).args(header).arg(url);
    let said = output(&mut command)?;
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate: f64 = rate.and_then(|rate| rate.trim().parse().ok()).context("wrk tells no rate")?;
    ensure!(rate > 0.0, "nothing answers at {url}: {said}");
    Ok(rate)
}

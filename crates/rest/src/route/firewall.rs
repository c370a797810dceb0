//! `GET /shoal/firewall`: which chains of other programs stand between the outside and containers. Docker has none of it.

use std::net::SocketAddr;

use ::http::Method;
use engine_api::firewall::{FirewallChain, FirewallPort, FirewallReport};
use network::{ForeignChain, ForeignFirewall, ReportedPort};

use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::table::Table;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/shoal/firewall", report);
}

async fn report(call: Call) -> Outcome {
    let report = call.api.networks.firewall().await?;
    let mode = match report.mode {
        ForeignFirewall::Accept => "accept",
        ForeignFirewall::Leave => "leave",
    };
    Answer::json(&FirewallReport {
        has_rules: report.has_rules,
        mode: mode.to_owned(),
        chains: report.chains.into_iter().map(chain).collect(),
        has_legacy_tables: report.has_legacy_tables,
        ports: report.ports.into_iter().map(port).collect(),
    })
}

fn chain(chain: ForeignChain) -> FirewallChain {
    let ForeignChain { family, table, chain, priority, drops, lets_ours_through } = chain;
    FirewallChain { family, table, chain, priority, drops, lets_ours_through }
}

fn port(port: ReportedPort) -> FirewallPort {
    FirewallPort {
        container: port.container,
        protocol: port.protocol.to_string(),
        published: SocketAddr::new(port.port.host_ip, port.port.host_port).to_string(),
        target: port.target.to_string(),
    }
}

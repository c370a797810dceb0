//! `shoal node ls`.

use engine_api::swarm::{Node, SwarmInfo, TlsInfo};
use engine_api::system::SystemInfo;

use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::format::list::{Columns, Row};
use crate::format::template::title;

const COLUMNS: Columns = Columns {
    default: "{{.ID}} {{if .Self}}*{{else}} {{end}}\t{{.Hostname}}\t{{.Status}}\t{{.Availability}}\t{{.ManagerStatus}}\t{{.EngineVersion}}",
    headings: &[
        ("ID", "ID"),
        ("Self", ""),
        ("Hostname", "HOSTNAME"),
        ("Status", "STATUS"),
        ("Availability", "AVAILABILITY"),
        ("ManagerStatus", "MANAGER STATUS"),
        ("EngineVersion", "ENGINE VERSION"),
        ("TLSStatus", "TLS STATUS"),
    ],
};

/// List nodes in the swarm
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal node ls [OPTIONS]")]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.listing.layout()?;
    let mut nodes: Vec<Node> =
        client.json(Request::get("/nodes").query_some("filters", Some(args.listing.filters()))).await?;
    nodes.sort_by(|a, b| a.description.hostname.cmp(&b.description.hostname));
    let swarm = if nodes.is_empty() || args.listing.quiet {
        SwarmInfo::default()
    } else {
        client.json::<SystemInfo>(Request::get("/info")).await?.swarm
    };
    let rows: Vec<Row> = nodes.iter().map(|node| row(node, &swarm)).collect();
    print(&layout, &COLUMNS, &rows)
}

/// What a manager is: the leader, or how it is reached; empty for a worker.
pub(super) fn manager_status(node: &Node) -> String {
    match &node.manager_status {
        None => String::new(),
        Some(manager) if manager.leader => "Leader".to_owned(),
        Some(manager) => title(&manager.reachability),
    }
}

/// Whether the node's certificate and root are those that the swarm wants.
fn tls_status(node: &Node, swarm: &SwarmInfo) -> &'static str {
    let (own, none) = (&node.description.tls_info, TlsInfo::default());
    match swarm.cluster.as_ref().map(|cluster| &cluster.tls_info) {
        None => "Unknown",
        Some(wanted) if *wanted == none || *own == none => "Unknown",
        Some(wanted) if wanted == own => "Ready",
        Some(_) => "Needs Rotation",
    }
}

fn row(node: &Node, swarm: &SwarmInfo) -> Row {
    Row::default()
        .with("ID", node.id.as_str())
        .with("Self", node.id == swarm.node_id)
        .with("Hostname", node.description.hostname.as_str())
        .with("Status", title(&node.status.state))
        .with("Availability", title(&node.spec.availability))
        .with("ManagerStatus", manager_status(node))
        .with("EngineVersion", node.description.engine.engine_version.as_str())
        .with("TLSStatus", tls_status(node, swarm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::list::{Layout, render};

    #[test]
    fn the_own_node_has_a_star() {
        let mut node = Node { id: "abc".into(), ..Node::default() };
        node.description.hostname = "h1".into();
        node.status.state = "ready".into();
        node.spec.availability = "active".into();
        let other = Node { id: "xyz".into(), ..node.clone() };
        let swarm = SwarmInfo { node_id: "abc".into(), ..SwarmInfo::default() };
        let got = render(&Layout::Default, &COLUMNS, &[row(&node, &swarm), row(&other, &swarm)]).unwrap();
        let want = "ID        HOSTNAME   STATUS    AVAILABILITY   MANAGER STATUS   ENGINE VERSION\n\
                    abc *     h1         Ready     Active                          \n\
                    xyz       h1         Ready     Active                          \n";
        assert_eq!(got, want);
    }

    #[test]
    fn tls_is_ready_when_root_and_issuer_are_the_swarms() {
        let tls = |root: &str| TlsInfo { trust_root: root.into(), ..TlsInfo::default() };
        let node = |tls_info| {
            let mut node = Node::default();
            node.description.tls_info = tls_info;
            node
        };
        let cluster = engine_api::swarm::ClusterInfo { tls_info: tls("new"), ..Default::default() };
        let swarm = SwarmInfo { cluster: Some(cluster), ..SwarmInfo::default() };
        assert_eq!(tls_status(&node(tls("new")), &swarm), "Ready");
        assert_eq!(tls_status(&node(tls("old")), &swarm), "Needs Rotation");
        assert_eq!(tls_status(&node(TlsInfo::default()), &swarm), "Unknown");
        assert_eq!(tls_status(&node(tls("new")), &SwarmInfo::default()), "Unknown");
    }
}

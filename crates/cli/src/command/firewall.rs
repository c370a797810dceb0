//! `shoal firewall`: what of this machine's firewall stands between the outside and containers.

use engine_api::firewall::{FirewallChain, FirewallReport};
use serde_json::Value;

use crate::client::{Client, Request};
use crate::command::listing::template;
use crate::console;
use crate::error::Error;

/// Show which firewall rules of other programs stand between the outside and containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal firewall [OPTIONS]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let template = template(args.format.as_deref())?;
    let answer: Value = client.json(Request::get("/shoal/firewall")).await?;
    match template {
        Some(template) => console::line(&template.apply(&answer)?),
        None => {
            let report = serde_json::from_value(answer).map_err(|error| Error::Answer {
                what: "the report of the firewall".to_owned(),
                reason: error.to_string(),
            })?;
            console::out(&text(&report))
        }
    }
}

fn text(report: &FirewallReport) -> String {
    let mut lines = Vec::new();
    if !report.has_rules {
        lines.push("This daemon has no rules (--iptables=false).".to_owned());
    }
    let gates: Vec<&FirewallChain> = report.chains.iter().filter(|chain| chain.drops).collect();
    for gate in &gates {
        let name = format!("{} {} {}", gate.family, gate.table, gate.chain);
        lines.push(match gate.lets_ours_through {
            true => format!(
                "{name} drops what it does not know; what leaves containers, its answers and what they say to each other pass by a rule of ours."
            ),
            false => format!("{name} drops what it does not know, traffic of containers too."),
        });
    }
    if gates.is_empty() {
        lines.push("No chain of another program drops what is forwarded.".to_owned());
    }
    if report.has_legacy_tables {
        lines.push("There are tables of the old iptables, which are not looked into.".to_owned());
    }
    for port in &report.ports {
        let reached = if gates.is_empty() {
            "reached from outside"
        } else {
            "reached from outside only by a rule of the administrator's for where it leads (with ufw: ufw route allow)"
        };
        let (published, target, protocol) = (&port.published, &port.target, &port.protocol);
        lines.push(format!("{}: {published} -> {target}/{protocol}: {reached}", port.container));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_api::firewall::FirewallPort;

    #[test]
    fn what_blocks_what_is_told() {
        let port = FirewallPort {
            container: "web".into(),
            protocol: "tcp".into(),
            published: "0.0.0.0:8080".into(),
            target: "172.17.0.2:80".into(),
        };
        let mut report = FirewallReport { has_rules: true, ports: vec![port], ..FirewallReport::default() };
        let open = text(&report);
        assert!(open.starts_with("No chain of another program drops"), "{open}");
        assert!(open.ends_with("web: 0.0.0.0:8080 -> 172.17.0.2:80/tcp: reached from outside\n"), "{open}");
        let chain = FirewallChain {
            family: "ip".into(),
            table: "filter".into(),
            chain: "FORWARD".into(),
            drops: true,
            lets_ours_through: true,
            ..FirewallChain::default()
        };
        report.chains.push(chain);
        let closed = text(&report);
        assert!(closed.contains("ip filter FORWARD drops") && closed.contains("ufw route allow"), "{closed}");
    }
}

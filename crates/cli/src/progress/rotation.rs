//! Watches a rotation of the swarm's root until every node has moved, and shows how far it is. The user may leave with
//! Ctrl-C; the rotation goes on without us.

use std::time::Duration;

use engine_api::swarm::{Node, Swarm, TlsInfo};
use tokio::time::sleep;

use super::bar::bar;
use super::painter::Painter;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;

/// How often the daemon is asked.
const POLL: Duration = Duration::from_millis(200);

/// Waits until the rotation is over. `quiet` shows nothing.
pub(crate) async fn until_rotated(client: &Client, quiet: bool) -> Result<(), Error> {
    tokio::select! {
        ended = rotate(client, quiet) => ended,
        _ = tokio::signal::ctrl_c() => {
            if !quiet {
                console::line("Operation continuing in background.\nUse `shoal node ls --format '{{.ID}} {{.TLSStatus}}'` to check progress.")?;
            }
            Ok(())
        }
    }
}

async fn rotate(client: &Client, quiet: bool) -> Result<(), Error> {
    let to: Box<dyn std::io::Write> =
        if quiet { Box::new(std::io::sink()) } else { Box::new(std::io::stdout()) };
    let mut painter = Painter::new(to, !quiet && console::is_terminal());
    loop {
        let swarm: Swarm = client.json(Request::get("/swarm")).await?;
        let nodes: Vec<Node> = client.json(Request::get("/nodes")).await?;
        let now = progress(&swarm.info.tls_info, swarm.info.root_rotation_in_progress, &nodes);
        for (key, text) in &now.lines {
            painter.show(key, text)?;
        }
        if now.is_over {
            return Ok(());
        }
        sleep(POLL).await;
    }
}

/// How far the rotation is.
struct Progress {
    lines: Vec<(&'static str, String)>,
    is_over: bool,
}

/// Nodes that are down are not waited for: they move when they return.
fn progress(wanted: &TlsInfo, rotates: bool, nodes: &[Node]) -> Progress {
    let waited: Vec<&TlsInfo> = nodes
        .iter()
        .filter(|node| node.status.state != "down")
        .map(|node| &node.description.tls_info)
        .collect();
    let total = count(waited.len());
    let certified = count(waited.iter().filter(|tls| is_issued(tls, wanted)).count());
    let trusting = count(waited.iter().filter(|tls| tls.trust_root == wanted.trust_root).count());
    let line = |what: &str, current| format!("  {what}: {} {current}/{total} nodes", bar(current, total));
    let mut lines = vec![("certificates", line("rotated TLS certificates", certified))];
    let certified = certified == total && !rotates;
    if certified {
        lines.push(("roots", line("rotated CA certificates", trusting)));
    }
    Progress { lines, is_over: certified && trusting == total }
}

fn is_issued(tls: &TlsInfo, wanted: &TlsInfo) -> bool {
    tls.cert_issuer_subject == wanted.cert_issuer_subject
        && tls.cert_issuer_public_key == wanted.cert_issuer_public_key
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(root: &str, key: &str) -> TlsInfo {
        TlsInfo {
            trust_root: root.to_owned(),
            cert_issuer_subject: "swarm-ca".to_owned(),
            cert_issuer_public_key: key.to_owned(),
        }
    }

    fn node(state: &str, tls_info: TlsInfo) -> Node {
        let mut node = Node::default();
        node.status.state = state.to_owned();
        node.description.tls_info = tls_info;
        node
    }

    #[test]
    fn first_the_certificates_then_the_roots() {
        let (old, moved, done) = (tls("old", "old"), tls("old", "new"), tls("new", "new"));
        let gone = || node("down", old.clone());
        let last = |wanted: &TlsInfo, rotates, nodes: &[Node]| {
            let now = progress(wanted, rotates, nodes);
            let (_, text) = now.lines.last().cloned().expect("a line");
            (
                text.rsplit_once(' ').map(|(text, _)| text[text.len() - 3..].to_owned()),
                text.contains("CA"),
                now.is_over,
            )
        };
        let one = |text: &str| Some(text.to_owned());
        let nodes = [node("ready", old.clone()), node("ready", moved.clone()), gone()];
        assert_eq!(last(&moved, true, &nodes), (one("1/2"), false, false));
        let nodes = [node("ready", moved.clone()), node("ready", moved.clone()), gone()];
        assert_eq!(last(&moved, true, &nodes), (one("2/2"), false, false));
        let nodes = [node("ready", moved), node("ready", done.clone()), gone()];
        assert_eq!(last(&done, false, &nodes), (one("1/2"), true, false));
        let nodes = [node("ready", done.clone()), node("ready", done.clone()), gone()];
        assert_eq!(last(&done, false, &nodes), (one("2/2"), true, true));
    }
}

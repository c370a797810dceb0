//! A node that becomes a manager, or is one no longer, while its containers go on.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::member::{Member, Turn};
use super::owner::{Owner, bind};
use super::{address, membership};

/// After a turn that did not succeed, the next attempt.
const RETRY: Duration = Duration::from_secs(1);

impl Owner {
    /// Does what the managers want of this node, if it is not that already. What does not succeed is tried again.
    pub(super) async fn turn(&mut self) {
        self.retry_turn = None;
        let Some(member) = &mut self.member else { return };
        let Some(turn) = member.turn() else { return };
        let done = match turn {
            Turn::Promote => promote(member, &self.dir, &self.settings.default_advertise_addr).await,
            Turn::Demote => demote(member, &self.dir).await,
        };
        match done {
            Ok(()) => tracing::info!(?turn, "this node has another role"),
            Err(error) => {
                tracing::warn!(?turn, error = format!("{error:#}"), "this node keeps its role for now");
                self.retry_turn = Some(Instant::now() + RETRY);
            }
        }
        self.publish();
    }
}

async fn promote(member: &mut Member, dir: &membership::Dir, configured: &str) -> Result<()> {
    let known = member.membership();
    let listen = known.listen;
    let advertise = match known.advertise.ip().is_unspecified() {
        false => known.advertise,
        true => found(configured, listen, member.seen_addr())?,
    };
    let membership = known.clone().promoted(advertise);
    let listener = bind(listen)?;
    member.promote(dir, membership, listener).await
}

/// Where others reach this node, when nobody has said so: as it finds out, or as a manager saw it.
fn found(configured: &str, listen: SocketAddr, seen: Option<String>) -> Result<SocketAddr> {
    match address::advertise("", configured, listen) {
        Ok(address) => Ok(address),
        Err(error) => match seen.and_then(|seen| seen.parse::<IpAddr>().ok()) {
            Some(ip) => Ok(SocketAddr::new(ip, listen.port())),
            None => Err(error.into()),
        },
    }
}

async fn demote(member: &mut Member, dir: &membership::Dir) -> Result<()> {
    member.demote(dir).await
}

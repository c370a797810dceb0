//! A node that becomes a manager, or is one no longer, while its containers go on.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;
use worker::backoff::Backoff;

use super::member::{Member, Turn};
use super::owner::{Owner, bind};
use super::{address, membership};

/// After a turn that did not succeed, the next attempt: the first, and the longest wait for one.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_CAP: Duration = Duration::from_secs(15);

/// A turn that did not succeed.
#[derive(Debug)]
pub(super) struct Missed {
    /// Why, as a sentence.
    pub(super) reason: String,
    /// When it is tried again.
    pub(super) again_at: Instant,
    backoff: Backoff,
}

impl Missed {
    /// After the one before, if there was one. Whether there is something new to say.
    fn after(before: Option<Missed>, reason: String, now: Instant) -> (Self, bool) {
        let is_new = before.as_ref().is_none_or(|before| before.reason != reason);
        let backoff = before.map(|before| before.backoff);
        let mut backoff = backoff.unwrap_or_else(|| Backoff::new(RETRY_FIRST, RETRY_CAP));
        (Self { reason, again_at: now + backoff.next_delay(), backoff }, is_new)
    }
}

impl Owner {
    /// Does what the managers want of this node, if it is not that already. What does not succeed is tried again.
    pub(super) async fn turn(&mut self) {
        let before = self.missed.take();
        let wanted = self.member.as_mut().and_then(|member| member.turn().map(|turn| (member, turn)));
        let Some((member, turn)) = wanted else {
            if before.is_some() {
                self.publish();
            }
            return;
        };
        let done = match turn {
            Turn::Promote => promote(member, &self.dir, &self.settings.default_advertise_addr).await,
            Turn::Demote => demote(member, &self.dir).await,
        };
        match done {
            Ok(()) => tracing::info!(?turn, "this node has another role"),
            Err(error) => {
                let (missed, is_new) = Missed::after(before, format!("{error:#}"), Instant::now());
                if is_new {
                    tracing::warn!(?turn, error = %missed.reason, "this node keeps its role for now");
                }
                self.missed = Some(missed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_again_for_the_same_reason_is_no_news_and_tried_more_seldom() {
        let now = Instant::now();
        let (mut missed, is_new) = Missed::after(None, "the port is in use".to_owned(), now);
        assert!(is_new && missed.again_at <= now + RETRY_FIRST);
        for _ in 0..10 {
            let (next, is_new) = Missed::after(Some(missed), "the port is in use".to_owned(), now);
            assert!(!is_new && next.again_at <= now + RETRY_CAP);
            missed = next;
        }
        assert!(missed.again_at >= now + RETRY_CAP / 2);
        assert!(Missed::after(Some(missed), "no such address".to_owned(), now).1);
    }
}

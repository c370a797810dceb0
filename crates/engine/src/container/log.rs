//! What the shim is told of the log.

use crate::error::{Error, Result};
use crate::plan::{LogPlan, Subject, Surroundings};
use crate::record::Record;
use crate::shared::Shared;
use shim::{LogSpec, Peer, Sink};
use std::time::Duration;
use tokio::time::timeout;

/// How long a name server may take for the name of a log server.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// Fills up the plan with the container, and with the address of its log server: a shim resolves no names.
pub(super) async fn spec(shared: &Shared, record: &Record, plan: &LogPlan) -> Result<LogSpec> {
    let hostname = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
    let subject = Subject {
        id: &record.id,
        name: &record.name,
        image_id: &record.image_id,
        image: &record.spec.image,
        path: &record.path,
        args: &record.args,
        hostname: &hostname,
    };
    let around = Surroundings { journal_socket: &shared.config.journal_socket, hostname: &hostname };
    let mut log = plan.spec(&subject, &record.spec.config, &shared.paths(&record.id), around);
    if let Some(Sink::Syslog(syslog)) = &mut log.sink
        && let Peer::Udp(address) | Peer::Tcp(address) = &mut syslog.peer
    {
        *address = resolve(address).await?;
    }
    Ok(log)
}

async fn resolve(address: &str) -> Result<String> {
    let found = timeout(RESOLVE_LIMIT, tokio::net::lookup_host(address)).await;
    let found = found.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    match found.map(|mut all| all.next()) {
        Ok(Some(first)) => Ok(first.to_string()),
        Ok(None) => Err(Error::LogServer { address: address.to_owned(), reason: "no such host".to_owned() }),
        Err(error) => Err(Error::LogServer { address: address.to_owned(), reason: error.to_string() }),
    }
}

//! Backups of the swarm's state, and a swarm made of one. Docker has neither.

use std::path::PathBuf;

use engine_api::swarm::{SwarmBackupRequest, SwarmBackupResponse, SwarmRestoreRequest};

use crate::convert;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};
use crate::{BackupRequest, RestoreRequest};

pub(super) async fn backup(call: Call<NoQuery, Json<SwarmBackupRequest>>) -> Outcome {
    let SwarmBackupRequest { to, passphrase, keep } = call.body.0;
    let keep = usize::try_from(keep).map_err(|_| Failure::invalid("Keep is too large"))?;
    let request = BackupRequest { to: absolute("To", to)?, passphrase, keep };
    let made = call.api.node.backup(request).await?;
    Answer::json(&SwarmBackupResponse {
        file: made.path.display().to_string(),
        index: made.index,
        removed: made.removed as u64,
    })
}

pub(super) async fn restore(call: Call<NoQuery, Json<SwarmRestoreRequest>>) -> Outcome {
    let request = call.body.0;
    let request = RestoreRequest {
        from: absolute("From", request.from)?,
        passphrase: request.passphrase,
        listen_addr: request.listen_addr,
        advertise_addr: request.advertise_addr,
        availability: convert::node::availability(&request.availability)?,
    };
    Answer::json(&call.api.node.restore(request).await?)
}

/// The daemon has no directory that a relative path could mean.
fn absolute(field: &str, path: String) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Failure::invalid(format!("{field} must be an absolute path")))
    }
}

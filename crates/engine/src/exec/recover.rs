//! Execs that outlived the daemon which started them.

use super::record::ExecRecord;
use super::{FILE_PREFIX, FILE_SUFFIX, pump};
use crate::link::Link;
use crate::record::Record;
use crate::shared::{Shared, now_ns};
use shim::{ExecState, Request, Response};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Makes the execs of an adopted container known again. Waits for its shim, briefly, only if there are any.
pub(crate) async fn adopt(shared: &Arc<Shared>, container: &Record) {
    let dir = shared.exec_dir(&container.id);
    let records = read(&dir);
    if records.is_empty() {
        return;
    }
    let states = match ask(container, &dir).await {
        Ok(states) => states,
        Err(error) => {
            tracing::warn!(container = container.short_id(), %error, "execs of an adopted container are unknown");
            return;
        }
    };
    for mut record in records {
        let Some(state) = states.iter().rev().find(|state| state.id == record.id) else {
            // It was never started, or ended long ago.
            super::remove_file(&super::file(&dir, &record.id));
            continue;
        };
        record.pid = u32::try_from(state.pid).unwrap_or_default();
        record.running = state.exit.is_none();
        if let Some(exit) = state.exit {
            (record.exit_code, record.ended_ns) = (Some(exit.code), exit.at_ns);
        }
        let (id, running) = (record.id.clone(), record.running);
        if shared.execs.insert(record, now_ns()).is_ok() && running {
            let (shared, container) = (shared.clone(), Arc::new(container.clone()));
            tokio::spawn(async move {
                let exit = pump::wait(&shared, &container.id, &id).await;
                pump::end(&shared, &container, &id, exit);
            });
        }
    }
}

fn read(dir: &Path) -> Vec<ExecRecord> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let is_ours = |name: &str| name.starts_with(FILE_PREFIX) && name.ends_with(FILE_SUFFIX);
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_ours))
        .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok())
        .collect()
}

async fn ask(container: &Record, dir: &Path) -> crate::Result<Vec<ExecState>> {
    let mut link = Link::connect(&container.id, dir).await?;
    match link.ask_briefly(&container.id, &Request::ExecList).await? {
        Response::Execs { execs } => Ok(execs),
        other => Err(crate::Error::Shim {
            id: container.id.clone(),
            reason: format!("it answers a question for execs with {other:?}"),
        }),
    }
}

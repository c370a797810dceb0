//! What `open` finds and settles: the daemon may have been killed at any moment, or the machine switched off.
//!
//! The records say what containers there are; a shim's directory in the exec root says what was running. From both:
//!
//! | record | lasting directory | shim | so |
//! |---|---|---|---|
//! | yes | missing | | it was removed: forget it |
//! | no | with the record of its creation | as below | it was created just before: take it up |
//! | no | without | | debris of a creation or removal: remove it |
//! | no | missing | any | debris: end it |
//! | yes | yes | answers, runs | adopt it: same process, wait for its end |
//! | says running | yes | lives, silent | adopt it: it may only be slow |
//! | yes | yes | answers, not started | the start was never acknowledged: take it back |
//! | yes | yes | left an exit file | record how and when it ended |
//! | yes | yes | gone without | it took the container with it: end what is left, code 137 |
//! | says running | yes | no directory, or of another boot | the machine was restarted: code 255 |

use crate::boot;
use crate::cgroup::{cgroup_path, cgroup_root, container_of, scope_of};
use crate::config::EngineConfig;
use crate::container::{
    Adopted, CREATED_FILE, ENDPOINTS_FILE, Paths, Places, killed_now, remove_dir, sweep_cgroup, sweep_drafts,
};
use crate::error::Error;
use crate::layer::PAUSED_FILE;
use crate::link::{self, Link};
use crate::record::{ExitStatus, Record, Status};
use crate::restart::{self, Ended};
use crate::shared::{containers_dir, exec_dirs, now_ns};
use futures_util::StreamExt;
use runtime::cgroup::Layout;
use shim::{Request, Response};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many shims are asked at the same time.
const ASK_AT_ONCE: usize = 32;
const SIGKILL: i32 = 9;
/// What is told of a container that ran when the machine went down; Docker's.
const EXIT_UNKNOWN: i32 = 255;

/// A container as it was found, and what is to become of it.
pub(crate) struct Recovered {
    pub(crate) record: Record,
    pub(crate) adopted: Adopted,
    /// Whether the record is not what is on the disk any more.
    pub(crate) changed: bool,
}

/// What a shim's directory tells.
enum Found {
    Nothing,
    Running {
        pid: u32,
        link: Link,
    },
    Ended(ExitStatus),
    /// It lives and does not answer: stopped, or starved.
    Silent(Link),
    /// Made, or being made, but not started.
    NotStarted,
}

/// Settles all records. Those of removed containers are given as the second part.
pub(crate) async fn settle(
    config: &EngineConfig,
    cgroups: &Layout,
    records: Vec<Record>,
) -> (Vec<Recovered>, Vec<String>) {
    let (kept, gone): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| Paths::new(&containers_dir(config), &record.id).dir.is_dir());
    let is_new_boot = boot::is_new(config);
    let stored: HashSet<&str> = kept.iter().map(|record| record.id.as_str()).collect();
    let unstored = unstored(config, &stored);
    let all = kept
        .into_iter()
        .map(|record| (record, true))
        .chain(unstored.into_iter().map(|record| (record, false)));
    let recovered = futures_util::stream::iter(all)
        .map(|(record, stored)| settle_one(config, cgroups, record, stored, is_new_boot))
        .buffer_unordered(ASK_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let known: HashSet<&str> = recovered.iter().map(|found| found.record.id.as_str()).collect();
    remove_debris(config, cgroups, &known).await;
    (recovered, gone.into_iter().map(|record| record.id).collect())
}

/// Containers that were acknowledged just before the engine died, and never reached the store.
fn unstored(config: &EngineConfig, stored: &HashSet<&str>) -> Vec<Record> {
    let read = |dir: &Path| -> Option<Record> {
        let record: Record = serde_json::from_slice(&fs::read(dir.join(CREATED_FILE)).ok()?).ok()?;
        // A directory that was being removed has another name than its container's id.
        (dir.file_name()?.to_str()? == record.id).then_some(record)
    };
    unknown_dirs(&containers_dir(config), stored).iter().filter_map(|dir| read(dir)).collect()
}

async fn settle_one(
    config: &EngineConfig,
    cgroups: &Layout,
    mut record: Record,
    stored: bool,
    is_new_boot: bool,
) -> Recovered {
    let before = record.clone();
    let dir = exec_dirs(config).join(&record.id);
    let found = match look(&record.id, &dir).await {
        // Whatever is there now is another's, or was never ended.
        Found::Ended(_) if is_new_boot => link::read_exit_file(&dir).map_or(Found::Nothing, Found::Ended),
        _ if is_new_boot => Found::Nothing,
        Found::Silent(link) if is_active(&record) && record.state.pid != 0 => {
            tracing::warn!(
                container = record.short_id(),
                "shim does not answer; the container counts as running"
            );
            Found::Running { pid: record.state.pid, link }
        }
        found => found,
    };
    let adopted = match found {
        Found::Running { pid, mut link } => {
            // If it ends just now, the task finds the connection closed and settles by the exit file.
            if let Err(error) = link.send(&record.id, &Request::Wait).await {
                tracing::debug!(container = record.short_id(), %error, "shim ends while it is adopted");
            }
            adopt(&mut record, pid, &dir);
            end_commit(cgroups, &cgroup_path(config, &record), &dir);
            if is_frozen(cgroups, &cgroup_path(config, &record)) {
                record.state.status = Status::Paused;
            }
            Adopted::Live(link)
        }
        found => {
            let status = match found {
                Found::Ended(status) => Some(status),
                Found::NotStarted | Found::Silent(_) if is_active(&record) => Some(killed_now()),
                Found::NotStarted | Found::Silent(_) | Found::Running { .. } => None,
                Found::Nothing if is_active(&record) => Some(unknown_end()),
                Found::Nothing => None,
            };
            // Also without a directory: somebody may have removed it while its container ran.
            if dir.is_dir() || is_active(&record) {
                end_run(cgroups, &record.id, &dir, &cgroup_path(config, &record)).await;
            }
            if let Some(status) = status {
                end(&mut record, status);
            }
            what_next(&mut record)
        }
    };
    let changed = !stored || record != before;
    Recovered { record, adopted, changed }
}

/// Looks at a shim's directory and asks the shim, if one lives.
async fn look(id: &str, dir: &Path) -> Found {
    if !dir.is_dir() {
        return Found::Nothing;
    }
    if let Some(status) = link::read_exit_file(dir) {
        return Found::Ended(status);
    }
    let asked = async {
        let mut link = Link::connect(id, dir).await?;
        let answer = link.ask_briefly(id, &Request::State).await?;
        Ok::<_, Error>((link, answer))
    };
    match asked.await {
        // A new connection, since the answer to this one's question may still come.
        Err(Error::ShimSilent(_)) => {
            Link::connect(id, dir).await.map_or_else(|_| died_or_not_started(dir), Found::Silent)
        }
        Ok((_, Response::State(shim::State { status: shim::Status::Created, .. }))) => Found::NotStarted,
        Ok((_, Response::State(shim::State { exit: Some(status), .. }))) => Found::Ended(status.into()),
        Ok((link, Response::State(shim::State { pid, .. }))) => {
            u32::try_from(pid).map_or_else(|_| Found::Ended(killed_now()), |pid| Found::Running { pid, link })
        }
        // It may have ended between the two looks. Else it is dead, or was never started: its record tells which.
        _ => link::read_exit_file(dir).map_or_else(|| died_or_not_started(dir), Found::Ended),
    }
}

/// A shim that had not been told to start has no endpoints written down yet, not even none.
fn died_or_not_started(dir: &Path) -> Found {
    if dir.join(ENDPOINTS_FILE).exists() { Found::Ended(killed_now()) } else { Found::NotStarted }
}

fn is_active(record: &Record) -> bool {
    matches!(record.state.status, Status::Running | Status::Paused)
}

fn unknown_end() -> ExitStatus {
    ExitStatus { code: EXIT_UNKNOWN, oom_killed: false, checkpointed: false, at_ns: now_ns() }
}

/// The process lives: the record may be older than its start.
fn adopt(record: &mut Record, pid: u32, dir: &Path) {
    if let Some(places) = Places::read(&dir.join(ENDPOINTS_FILE)) {
        record.endpoints = places.endpoints;
        // What was changed while it ran is told there first.
        if let Some(networks) = places.networks {
            record.spec.networks = networks;
        }
    }
    if !is_active(record) || record.state.pid != pid {
        record.state.started_ns = modified_ns(&dir.join(ENDPOINTS_FILE)).unwrap_or_else(now_ns);
    }
    record.state.status = Status::Running;
    record.state.pid = pid;
    record.state.error.clear();
    record.state.exit_code = 0;
}

/// A container that was paused for a commit goes on: nobody makes that image any more.
fn end_commit(cgroups: &Layout, path: &Path, dir: &Path) {
    let mark = dir.join(PAUSED_FILE);
    if !mark.exists() {
        return;
    }
    fault::point("recover: thaw after commit");
    let thawed = cgroups.cgroup(path).and_then(|cgroup| cgroup.thaw());
    let ended = thawed.map_err(|error| error.to_string());
    if let Err(error) = ended.and_then(|()| fs::remove_file(&mark).map_err(|error| error.to_string())) {
        tracing::warn!(path = %dir.display(), %error, "container stays paused after a commit that was cut short");
    }
}

/// The kernel knows who is paused better than the record, which may be older.
fn is_frozen(cgroups: &Layout, path: &Path) -> bool {
    cgroups.cgroup(path).and_then(|cgroup| cgroup.is_frozen()).unwrap_or(false)
}

fn end(record: &mut Record, status: ExitStatus) {
    // The end may be recorded already: the directory outlives the record's way to the disk.
    if is_active(record) || record.state.finished_ns != status.at_ns {
        record.exits += 1;
    }
    let state = &mut record.state;
    if state.started_ns == 0 {
        state.started_ns = status.at_ns;
    }
    state.status = Status::Exited;
    state.exit_code = status.code;
    state.oom_killed = status.oom_killed;
    state.finished_ns = status.at_ns;
    state.pid = 0;
    record.manually_stopped |= status.checkpointed;
    record.endpoints.clear();
}

/// What a container that does not live is to become. One that was never started stays as it is.
fn what_next(record: &mut Record) -> Adopted {
    let state = &mut record.state;
    state.pid = 0;
    if matches!(state.status, Status::Restarting | Status::Removing) {
        state.status = Status::Exited;
    }
    let started = state.started_ns != 0;
    if record.starts_again {
        // Its task sees to it.
        return Adopted::No;
    }
    if started && record.spec.host.auto_remove {
        return Adopted::Remove;
    }
    let ran = u64::try_from(state.finished_ns - state.started_ns).unwrap_or(0);
    let ended = Ended {
        exit_code: state.exit_code,
        manually_stopped: record.manually_stopped,
        restarts: record.restart_count,
        ran: Duration::from_nanos(ran),
    };
    if started && restart::at_daemon_start(&record.spec.host.restart_policy, &ended) {
        record.state.status = Status::Restarting;
        // As if a user had started it.
        record.restart_count = 0;
        record.manually_stopped = false;
        return Adopted::Restart;
    }
    Adopted::No
}

fn modified_ns(path: &Path) -> Option<i64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}

/// Removes the shims' directories of runs that have ended. Their records must be on the disk: it is the only other place
/// that tells how they ended.
pub(crate) fn forget_runs(config: &EngineConfig, recovered: &[Recovered]) {
    for found in recovered.iter().filter(|found| !matches!(found.adopted, Adopted::Live(_))) {
        let paths = Paths::new(&containers_dir(config), &found.record.id);
        if let Err(error) = sweep_drafts(&paths) {
            tracing::warn!(container = found.record.short_id(), %error, "draft of a checkpoint stays");
        }
        if let Err(error) = remove_dir(&exec_dirs(config).join(&found.record.id)) {
            tracing::warn!(container = found.record.short_id(), %error, "directory of an ended run stays");
        }
    }
}

/// Ends what is left of a run, and waits until its shim, if it lives, has noticed and is gone: it still writes to its
/// directory until then.
async fn end_run(cgroups: &Layout, id: &str, dir: &Path, cgroup: &Path) {
    let mut link = Link::connect(id, dir).await.ok();
    if let Some(link) = link.as_mut() {
        // It may be gone before it answers; the cgroup is killed all the same.
        let told = link.ask_briefly(id, &Request::Signal { signal: SIGKILL, all: true }).await;
        if matches!(told, Err(Error::ShimSilent(_))) {
            link.kill_shim();
        }
    }
    if let Err(error) = sweep_cgroup(cgroups, cgroup) {
        tracing::error!(container = id, %error, "processes of an ended run cannot be ended");
    }
    if let Some(link) = link.as_mut() {
        link.closed().await;
    }
}

/// Removes what belongs to no container: runs, cgroups, directories.
async fn remove_debris(config: &EngineConfig, cgroups: &Layout, known: &HashSet<&str>) {
    let root = cgroup_root(config);
    for dir in unknown_dirs(&exec_dirs(config), known) {
        let id = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::info!(container = %id, "ending a run of no known container");
        let own = scope_of(config, &id).unwrap_or_else(|| id.clone());
        end_run(cgroups, &id, &dir, &root.join(own)).await;
    }
    let children = cgroups.children(&root).unwrap_or_default();
    let unknown = |child: &&String| container_of(config, child).is_some_and(|id| !known.contains(id));
    for child in children.iter().filter(unknown) {
        tracing::info!(cgroup = %child, "ending processes of no known container");
        if let Err(error) = sweep_cgroup(cgroups, &root.join(child)) {
            tracing::error!(%error, "processes of no known container cannot be ended");
        }
    }
    for parent in [exec_dirs(config), containers_dir(config)] {
        for dir in unknown_dirs(&parent, known) {
            if let Err(error) = remove_dir(&dir) {
                tracing::warn!(path = %dir.display(), %error, "directory of no known container stays");
            }
        }
    }
}

fn unknown_dirs(parent: &Path, known: &HashSet<&str>) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let unknown = entries.filter(|entry| entry.file_name().to_str().is_none_or(|id| !known.contains(id)));
    unknown.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{RestartCondition, RestartPolicy};

    fn record(status: Status, policy: RestartCondition) -> Record {
        let mut record = Record::default();
        record.state.status = status;
        record.state.started_ns = 1;
        record.spec.host.restart_policy = RestartPolicy { name: policy, maximum_retry_count: 0 };
        record
    }

    #[test]
    fn an_end_that_is_recorded_already_counts_once() {
        let mut record = record(Status::Running, RestartCondition::No);
        let status = ExitStatus { code: 3, oom_killed: true, checkpointed: false, at_ns: 9 };
        end(&mut record, status);
        end(&mut record, status);
        assert_eq!((record.exits, record.state.exit_code, record.state.finished_ns), (1, 3, 9));
        assert!(record.state.oom_killed);
    }

    #[test]
    fn restart_policies_speak_for_those_that_were_started() {
        let mut started = record(Status::Exited, RestartCondition::Always);
        assert!(matches!(what_next(&mut started), Adopted::Restart));
        let mut stopped = record(Status::Exited, RestartCondition::UnlessStopped);
        stopped.manually_stopped = true;
        assert!(matches!(what_next(&mut stopped), Adopted::No));
        let mut created = record(Status::Created, RestartCondition::Always);
        created.state.started_ns = 0;
        assert!(matches!(what_next(&mut created), Adopted::No));
    }

    #[test]
    fn a_restart_that_was_cut_short_is_left_to_the_task() {
        let mut stopped = record(Status::Exited, RestartCondition::Always);
        (stopped.manually_stopped, stopped.starts_again) = (true, true);
        stopped.spec.host.auto_remove = true;
        assert!(matches!(what_next(&mut stopped), Adopted::No));
    }

    #[test]
    fn what_was_to_be_removed_with_its_end_is() {
        let mut ended = record(Status::Exited, RestartCondition::No);
        ended.spec.host.auto_remove = true;
        assert!(matches!(what_next(&mut ended), Adopted::Remove));
        ended.state.started_ns = 0;
        assert!(matches!(what_next(&mut ended), Adopted::No));
    }
}

//! Snapshots on disk: sealed files named by the last entry in them.
//!
//! One is written beside the others and renamed into its place, so a crash while writing leaves those before and a file that the
//! next start removes. After the newest so many older ones are kept as the cluster's settings say.

mod file;
mod record;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::storage::RaftSnapshotBuilder;

use super::types::{SnapshotMeta, Types};
use crate::seal::{Key, Keyring};
use crate::store::State;

pub(crate) use file::SnapshotFile;
pub(crate) use record::{read_records, write_records};

/// How the names of snapshots begin; twenty digits follow.
const PREFIX: &str = "snapshot-";
/// How the names of those begin that are being written or received; a number follows.
const PASSING_PREFIX: &str = "snapshot.";
/// The one snapshot of the first format, which lay open.
const OPEN_NAME: &str = "snapshot";

/// The snapshots of one member.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    directory: PathBuf,
    keyring: Arc<Keyring>,
}

impl Snapshots {
    pub(crate) fn new(directory: PathBuf, keyring: Arc<Keyring>) -> Self {
        Self { directory, keyring }
    }

    /// The newest snapshot, if there is one.
    pub(crate) fn newest(&self) -> io::Result<Option<SnapshotFile>> {
        match list(&self.directory)?.pop() {
            Some((_, path)) => SnapshotFile::open(path, self.keyring.clone()),
            None => SnapshotFile::open(self.directory.join(OPEN_NAME), self.keyring.clone()),
        }
    }

    /// The newest of those that can be read; those that cannot are logged.
    pub(crate) fn newest_readable(&self) -> io::Result<Option<(SnapshotMeta, State)>> {
        let sealed = list(&self.directory)?.into_iter().rev().map(|(_, path)| path);
        for path in sealed.chain([self.directory.join(OPEN_NAME)]) {
            match SnapshotFile::open(path, self.keyring.clone())
                .and_then(|file| file.map(|file| file.read()).transpose())
            {
                Ok(Some(read)) => return Ok(Some(read)),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "goes on without this snapshot"),
            }
        }
        Ok(None)
    }

    /// Writes a snapshot; when this returns it is on disk and in its place, and what is too old is gone.
    pub(crate) fn write(&self, meta: &SnapshotMeta, state: &State) -> io::Result<SnapshotFile> {
        let new = passing(&self.directory, "new");
        let path = self.directory.join(name(meta.last_log_id.as_ref().map_or(0, |last| last.index)));
        // Held until the file is in its place: until then nothing else tells that this key is used.
        let key = self.write_to(&new, meta, state)?;
        fs::rename(new, &path)?;
        fs::File::open(&self.directory)?.sync_all()?;
        drop(key);
        let kept = state
            .cluster()
            .and_then(|cluster| cluster.spec.as_ref())
            .map_or(0, |spec| spec.keep_old_snapshots);
        self.drop_old(kept);
        SnapshotFile::open(path, self.keyring.clone())?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes a snapshot that came from elsewhere. It counts for nothing before it is installed, and is gone with its handle.
    pub(crate) fn stage(&self, meta: &SnapshotMeta, state: &State) -> io::Result<SnapshotFile> {
        let path = passing(&self.directory, "in");
        let _key = self.write_to(&path, meta, state)?;
        let file = SnapshotFile::open(path, self.keyring.clone())?.ok_or(io::ErrorKind::NotFound)?;
        Ok(file.temporary())
    }

    fn write_to(&self, path: &Path, meta: &SnapshotMeta, state: &State) -> io::Result<Arc<Key>> {
        let (key, mut writer) = file::create(path, &self.keyring)?;
        write_records(&mut writer, meta, state)?;
        writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(key)
    }

    /// Removes what a crash has left half written, and seals the snapshot of the first format, if there is one.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(PASSING_PREFIX)) {
                fs::remove_file(entry.path())?;
            }
        }
        let open = self.directory.join(OPEN_NAME);
        if !open.try_exists()? {
            return Ok(());
        }
        if list(&self.directory)?.is_empty()
            && let Some(file) = SnapshotFile::open(open.clone(), self.keyring.clone())?
        {
            let (meta, state) = file.read()?;
            self.write(&meta, &state)?;
        }
        fs::remove_file(open)
    }

    /// Removes all but the newest and `kept` before it.
    fn drop_old(&self, kept: u64) {
        let all = list(&self.directory).unwrap_or_default();
        let spared = usize::try_from(kept).unwrap_or(usize::MAX).saturating_add(1);
        for (_, path) in &all[..all.len().saturating_sub(spared)] {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(path = %path.display(), %error, "an old snapshot stays");
            }
        }
    }
}

/// The keys that snapshots in this directory are sealed under.
pub(super) fn key_ids(directory: &Path) -> io::Result<BTreeSet<u64>> {
    list(directory)?.iter().filter_map(|(_, path)| file::key_id(path).transpose()).collect()
}

/// A path for a file that is not in its place yet.
fn passing(directory: &Path, what: &str) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    directory.join(format!("{PASSING_PREFIX}{what}-{}", NUMBER.fetch_add(1, Ordering::Relaxed)))
}

fn name(index: u64) -> String {
    format!("{PREFIX}{index:020}")
}

/// The sealed snapshots, oldest first.
fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let index = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        found.extend(index.map(|index| (index, entry.path())));
    }
    found.sort_unstable();
    Ok(found)
}

/// Writes a snapshot of one moment while the state moves on.
pub(crate) struct SnapshotBuilder {
    snapshots: Snapshots,
    meta: SnapshotMeta,
    state: State,
}

impl SnapshotBuilder {
    pub(super) fn new(snapshots: Snapshots, meta: SnapshotMeta, state: State) -> Self {
        Self { snapshots, meta, state }
    }
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(
        &mut self,
    ) -> Result<openraft::alias::SnapshotOf<Types, SnapshotFile>, io::Error> {
        let (snapshots, meta, state) = (self.snapshots.clone(), self.meta.clone(), self.state.clone());
        let written = tokio::task::spawn_blocking(move || {
            let file = snapshots.write(&meta, &state)?;
            Ok::<_, io::Error>(openraft::alias::SnapshotOf::<Types, SnapshotFile> { meta, snapshot: file })
        });
        written.await.map_err(io::Error::other)?
    }
}

/// What a snapshot is written through.
type Sink = crate::seal::SealedWriter<BufWriter<fs::File>>;

#[cfg(test)]
mod tests {
    use swarm_api::pb;

    use super::*;
    use crate::raft::types::{LeaderId, LogId, StoredMembership};
    use crate::store::{Transaction, apply};

    fn state(kept: u64) -> State {
        let mut state = State::default();
        let spec = pb::ClusterSpec { keep_old_snapshots: kept, ..Default::default() };
        let mut first = Transaction::default();
        first.put(pb::Cluster { id: "c".into(), spec: Some(spec), ..Default::default() });
        apply(&mut state, first, 1, 1).expect("applies");
        for index in 2..200 {
            let mut next = Transaction::default();
            let annotations = Some(pb::Annotations { name: format!("name-s{index}"), ..Default::default() });
            let spec = Some(pb::ServiceSpec { annotations, ..Default::default() });
            next.put(pb::Service { id: format!("s{index}"), spec, ..Default::default() });
            apply(&mut state, next, 1, index).expect("applies");
        }
        state
    }

    fn meta(index: u64) -> SnapshotMeta {
        let last = LogId::new(LeaderId { term: 3, node_id: 7 }, index);
        SnapshotMeta { last_log_id: Some(last), last_membership: StoredMembership::default() }
    }

    fn snapshots(directory: &Path) -> Snapshots {
        let keyring = Keyring::create(directory).expect("makes keys");
        Snapshots::new(directory.to_owned(), Arc::new(keyring))
    }

    #[test]
    fn a_snapshot_reads_back_and_a_damaged_one_does_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (snapshots, state) = (snapshots(directory.path()), state(0));
        assert!(snapshots.newest().expect("opens").is_none());
        snapshots.write(&meta(199), &state).expect("writes");
        let read = || snapshots.newest().expect("opens").expect("is there").read();
        let (read_meta, read_state) = read().expect("reads");
        assert_eq!(read_meta.last_log_id, meta(199).last_log_id);
        assert!(read_state.objects().eq(state.objects()) && read_state.index() == 199);
        assert_eq!(read_state.service_by_name("name-s7").map(|service| service.id.as_str()), Some("s7"));

        let path = directory.path().join(name(199));
        let whole = fs::read(&path).expect("reads");
        assert!(!String::from_utf8_lossy(&whole).contains("name-s7"), "it is sealed");
        let refused = |what: String| {
            let error =
                snapshots.newest().and_then(|file| file.expect("is there").read()).expect_err("is refused");
            assert!(error.to_string().contains(path.to_str().expect("a path")), "{what}: {error}");
        };
        for place in (0..whole.len()).step_by(7) {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).expect("writes");
            refused(format!("byte {place}"));
            fs::write(&path, &whole[..place]).expect("writes");
            refused(format!("cut at {place}"));
        }
    }

    #[test]
    fn as_many_old_ones_are_kept_as_are_asked_for() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let snapshots = snapshots(directory.path());
        let kept =
            || list(directory.path()).expect("lists").iter().map(|(index, _)| *index).collect::<Vec<_>>();
        for index in [10, 20, 30, 40] {
            snapshots.write(&meta(index), &state(2)).expect("writes");
        }
        assert_eq!(kept(), [20, 30, 40]);
        snapshots.write(&meta(50), &state(0)).expect("writes");
        assert_eq!(kept(), [50]);
    }

    #[test]
    fn a_snapshot_from_elsewhere_counts_for_nothing_before_it_is_installed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let snapshots = snapshots(directory.path());
        let staged = snapshots.stage(&meta(199), &state(0)).expect("writes");
        let (read_meta, read_state) = staged.read().expect("reads");
        assert_eq!(read_meta.last_log_id, meta(199).last_log_id);
        assert!(read_state.objects().eq(state(0).objects()));
        assert!(snapshots.newest().expect("opens").is_none());
        drop(staged);
        assert_eq!(fs::read_dir(directory.path()).expect("lists").count(), 1, "nothing but the keys remains");
    }
}

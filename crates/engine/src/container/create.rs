//! Making a container: everything is judged before anything is made, and a failure leaves nothing.

use super::join;
use super::launch::write_json;
use super::request::Created;
use super::task::{self, Adopted};
use crate::archive::blocking;
use crate::driver::Files;
use crate::error::{Error, Result};
use crate::plan::{Plan, Source};
use crate::record::Record;
use crate::shared::{Shared, containers_dir, now_ns};
use crate::spec::{ContainerSpec, EndpointSpec, Invalid, NetworkMode};
use crate::volume::{self, Attached, Inherited, Wanted};
use crate::{default, merge, name};
use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// The record as it was created, in the container's directory: what tells of it until the store does.
pub(crate) const CREATED_FILE: &str = "created.json";
/// An empty file in the root of every container.
const CONTAINER_MARK: &str = ".dockerenv";
/// Logs are nobody's business but root's.
const DIR_MODE: u32 = 0o700;
/// How many names are made up before giving up.
const NAME_ATTEMPTS: usize = 16;

/// A record, a writable layer and a directory; no process.
pub(super) async fn create(shared: Arc<Shared>, mut spec: ContainerSpec) -> Result<Created> {
    if spec.image.is_empty() {
        return Err(Invalid::NoImage.into());
    }
    let wanted =
        spec.name.as_deref().filter(|name| !name.is_empty()).map(name::check).transpose()?.map(str::to_owned);
    let image = shared.images.get(&spec.image).await?;
    let (path, args) = merge::with_image(&mut spec, &image.config)?;
    let id = name::random_id(&mut rand::rng());
    let mut warnings = Vec::new();
    shared.machine.judge(&mut spec.host, &mut warnings)?;
    let plan = Plan::of(&spec, &shared.config)?;
    warnings.extend(plan.warnings.iter().cloned());
    check_surroundings(&shared, &spec, &plan)?;
    settle_networks(&shared, &mut spec).await;

    let private_cgroupns = shared.private_cgroupns(&plan.namespaces.cgroup);
    default::fill(&mut spec, &id, &shared.config, private_cgroupns);
    let name = reserve(&shared, &id, wanted)?;
    spec.name = Some(name.clone());
    let wanted = wanted_mounts(&shared, &spec, &plan);
    let mut attached = match async { volume::attach(&shared, &id, wanted?).await }.await {
        Ok(attached) => attached,
        Err(error) => {
            shared.index_mut().release(&name, &id);
            return Err(error);
        }
    };
    let record = Record {
        id: id.clone(),
        name,
        created_ns: now_ns(),
        image_id: image.id.clone(),
        mounts: std::mem::take(&mut attached.mounts),
        path,
        args,
        spec,
        ..Record::default()
    };
    if let Err(error) = make(&shared, &record, &mut attached).await {
        drop(attached);
        unmake(&shared, &record).await;
        return Err(error);
    }
    shared.publish(&record, "create", &[]);
    task::spawn(&shared, record, Adopted::No);
    // From here on the record tells who uses the volumes.
    drop(attached);
    Ok(Created { id, warnings })
}

/// All mounts the container is to have: its own, those of other containers, its image's volumes.
fn wanted_mounts(shared: &Shared, spec: &ContainerSpec, plan: &Plan) -> Result<Vec<Wanted>> {
    let mut inherited = Vec::new();
    for text in &spec.host.volumes_from {
        let (container, read_only) = Inherited::parse(text)?;
        let record = match shared.index().find(container) {
            Ok(entry) => entry.snapshots.borrow().clone(),
            // Not as "not found": clients take that for the image's absence, pull it, and try again.
            Err(_) => return Err(Invalid::NoSuchTarget(container.to_owned()).into()),
        };
        inherited.push(Inherited { mounts: record.mounts.clone(), read_only });
    }
    Ok(volume::gather(&plan.mounts, &inherited, &spec.config.volumes, &spec.host.volume_driver)?)
}

/// What a spec says about this machine rather than about itself.
fn check_surroundings(shared: &Shared, spec: &ContainerSpec, plan: &Plan) -> Result<()> {
    for mount in &plan.mounts {
        if let Source::Bind { path, create: false } = &mount.source
            && !Path::new(path).exists()
        {
            let reason = format!("bind source path does not exist: {path}");
            return Err(Invalid::Mount { kind: "bind", reason }.into());
        }
    }
    join::check(shared, spec, plan)
}

/// The networks the container is to be on, by their names and with their ids. One that does not exist is looked for when
/// the container starts, as with Docker.
async fn settle_networks(shared: &Shared, spec: &mut ContainerSpec) {
    let mode = &spec.host.network_mode;
    if spec.networks.is_empty()
        && let Some(name) = mode.network()
    {
        spec.networks.insert(name.to_owned(), EndpointSpec::default());
    }
    if matches!(mode, NetworkMode::Container(_)) || spec.config.network_disabled {
        spec.networks.clear();
    }
    let mut settled = BTreeMap::new();
    for (reference, mut wanted) in std::mem::take(&mut spec.networks) {
        let name = match shared.network.find(&reference).await {
            Ok(network) => {
                wanted.network_id = network.id;
                network.name
            }
            Err(_) => reference,
        };
        settled.insert(name, wanted);
    }
    spec.networks = settled;
}

fn reserve(shared: &Shared, id: &str, wanted: Option<String>) -> Result<String> {
    if let Some(name) = wanted {
        shared.index_mut().reserve(&name, id)?;
        return Ok(name);
    }
    let mut attempt = 0;
    loop {
        let name = name::random(&mut rand::rng(), attempt);
        match shared.index_mut().reserve(&name, id) {
            Ok(()) => return Ok(name),
            Err(error) if attempt == NAME_ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

/// A layer and a directory with the record in it, made side by side; the store gets the record soon. A directory without
/// a whole record, and a layer without a container, are debris of a creation that was never acknowledged.
///
/// Volumes are filled before the record is there: whoever finds it finds them whole.
async fn make(shared: &Shared, record: &Record, volumes: &mut Attached) -> Result<()> {
    if volumes.may_fill() {
        let files = prepare(shared, record).await?;
        volumes.fill(shared, files.of_image(), &containers_dir(&shared.config)).await?;
    }
    let (dir, copy) = (shared.paths(&record.id).dir, record.clone());
    let directory = tokio::task::spawn_blocking(move || {
        fault::point("create: make directory");
        DirBuilder::new().mode(DIR_MODE).create(&dir).map_err(Error::io("make", &dir))?;
        write_json(&dir.join(CREATED_FILE), &copy)
    });
    let (files, directory) = tokio::join!(prepare(shared, record), directory);
    // The mark by which programs know that they run in a container, in the place where Docker has it.
    let mark = files?.own().join(CONTAINER_MARK);
    fault::point("create: write mark");
    tokio::fs::write(&mark, "").await.map_err(Error::io("write", mark))?;
    directory.map_err(|_| Error::ShuttingDown)??;
    drop(shared.store.put_soon(record)?);
    Ok(())
}

/// The files of a new container; the second time they are there.
async fn prepare(shared: &Shared, record: &Record) -> Result<Files> {
    let rootfs = shared.images.prepare(&record.id, &record.image_id).await?;
    let files = Files::of(shared.config.storage_driver, rootfs);
    if shared.config.storage_driver.has_trees() {
        let tree = files.clone();
        blocking(shared, move || tree.fill()).await?;
    }
    Ok(files)
}

async fn unmake(shared: &Shared, record: &Record) {
    let dir = shared.paths(&record.id).dir;
    fault::point("create: remove directory again");
    if let Err(error) = tokio::fs::remove_dir_all(&dir).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(container = record.short_id(), %error, "directory of a failed creation stays until the next start");
    }
    if let Err(error) = shared.images.release(&record.id).await {
        tracing::warn!(container = record.short_id(), %error, "layer of a failed creation stays until the next start");
    }
    volume::release_images(shared, record).await;
    volume::remove_anonymous(shared, record).await;
    // If even this fails, the missing directory tells the same.
    drop(shared.store.remove_soon(&record.id));
    shared.index_mut().release(&record.name, &record.id);
}

//! What a task runs.

use std::collections::BTreeSet;

use super::{Invalid, Verdict, extras, file, process, resolver};
use crate::pb;

/// Longest tag of an image, in characters.
const MAX_TAG: usize = 128;
/// Fewest digits of a digest.
const MIN_DIGEST: usize = 32;
/// The driver of volumes that every node has; what another takes for a name is its own affair.
const LOCAL_DRIVER: &str = "local";

pub(super) fn check(container: &pb::ContainerSpec) -> Verdict {
    if container.image.trim().is_empty() {
        return Err(Invalid::new("ContainerSpec: image reference must be provided"));
    }
    if !is_reference(&container.image) {
        return Err(Invalid::new(format!(
            "ContainerSpec: {:?} is not a valid repository/tag",
            container.image
        )));
    }
    if container.stop_grace_period_ns.is_some_and(|period| period < 0) {
        return Err(Invalid::new("ContainerSpec: stop-grace-period cannot be negative"));
    }
    if let Some(entry) = container.env.iter().find(|entry| entry.is_empty() || entry.starts_with('=')) {
        return Err(Invalid::new(format!("ContainerSpec: invalid environment variable: {entry}")));
    }
    file::check_references("secret", &container.secrets)?;
    file::check_references("config", &container.configs)?;
    process::check(container)?;
    container.shoal.as_ref().map_or(Ok(()), extras::check)?;
    resolver::check(container)?;
    let mut targets = BTreeSet::new();
    for mount in &container.mounts {
        check_mount(mount)?;
        if !targets.insert(mount.target.trim_end_matches('/')) {
            return Err(Invalid::new(format!("ContainerSpec: duplicate mount point: {}", mount.target)));
        }
    }
    Ok(())
}

fn check_mount(mount: &pb::Mount) -> Verdict {
    if mount.target.is_empty() {
        return Err(Invalid::new("invalid mount config: field Target must not be empty"));
    }
    if !mount.target.starts_with('/') {
        return Err(Invalid::new(format!(
            "invalid mount target, must be an absolute path: {}",
            mount.target
        )));
    }
    if mount.target.trim_end_matches('/').is_empty() {
        return Err(Invalid::new("invalid specification: destination can't be '/'"));
    }
    match mount.r#type() {
        pb::MountType::Bind if !mount.source.starts_with('/') => Err(Invalid::new(format!(
            "invalid bind mount source, must be an absolute path: {}",
            mount.source
        ))),
        pb::MountType::Volume if mount.source.starts_with('/') => Err(Invalid::new(format!(
            "invalid volume mount source, must not be an absolute path: {}",
            mount.source
        ))),
        pb::MountType::Volume if matches!(mount.driver.as_str(), "" | LOCAL_DRIVER) => {
            check_volume_name(&mount.source)
        }
        pb::MountType::Tmpfs if !mount.source.is_empty() => {
            Err(Invalid::new("invalid tmpfs source, source must be empty"))
        }
        pb::MountType::Image if mount.source.is_empty() => {
            Err(Invalid::new("invalid image mount source: it must name an image"))
        }
        pb::MountType::Bind | pb::MountType::Tmpfs | pb::MountType::Volume | pb::MountType::Image => Ok(()),
    }
}

/// What every node would refuse: only a name of letters, digits and `_.-` is one of a volume of its own. None is given a name.
fn check_volume_name(name: &str) -> Verdict {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let begins = name.is_empty() || name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || !name.bytes().all(inner) {
        return Err(Invalid::new(format!(
            "{name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed"
        )));
    }
    if name.len() == 1 {
        return Err(Invalid::new(
            "volume name is too short, names should be at least two alphanumeric characters",
        ));
    }
    Ok(())
}

/// Whether it could name an image; the node that pulls it reads it in full.
fn is_reference(image: &str) -> bool {
    let (path, digest) = image.split_once('@').map_or((image, None), |(path, digest)| (path, Some(digest)));
    let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
    let (repository, tag) = last.split_once(':').map_or((last, None), |(last, tag)| (last, Some(tag)));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@+[]".contains(c);
    image.chars().all(allowed)
        && !repository.is_empty()
        && !repository.chars().any(|c| c.is_ascii_uppercase())
        && !path.starts_with('/')
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

fn is_tag(tag: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=MAX_TAG).contains(&tag.len()) && tag.chars().all(allowed) && !tag.starts_with(['.', '-'])
}

/// An algorithm and hexadecimal digits; how many, the algorithm tells.
fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, digits)| {
        !algorithm.is_empty()
            && digits.len() >= MIN_DIGEST
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

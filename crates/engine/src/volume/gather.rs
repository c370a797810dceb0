//! The mounts of a new container, by Docker's rules of precedence. Pure.
//!
//! First come the mounts of the containers named by `--volumes-from`, the later winning over the earlier; then what the
//! user asked for; last the volumes of the image (and of `-v /path`), where nothing else is mounted.

use crate::plan::{Access, MountPlan, Source, VolumeSource, bind_options, target_path};
use crate::record::MountPoint;
use crate::spec::{Invalid, Propagation};
use std::collections::{BTreeMap, BTreeSet};

/// The mounts of another container.
#[derive(Debug, Clone)]
pub(crate) struct Inherited {
    pub(crate) mounts: Vec<MountPoint>,
    pub(crate) read_only: bool,
}

impl Inherited {
    /// Splits `container[:ro|rw|…]`; true for read-only.
    pub(crate) fn parse(text: &str) -> Result<(&str, bool), Invalid> {
        let wrong = || Invalid::VolumesFrom(text.to_owned());
        let (container, mode) = text.split_once(':').unwrap_or((text, ""));
        if container.is_empty() {
            return Err(wrong());
        }
        let mut read_only = false;
        for option in mode.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => read_only = true,
                "rw" | "z" | "Z" | "nocopy" => {}
                _ => return Err(wrong()),
            }
        }
        Ok((container, read_only))
    }
}

/// A mount that a container is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// As the record will have it, but for what is not known before the volume is there.
    pub(crate) point: MountPoint,
    /// The volume that is to be found or made.
    pub(crate) volume: Option<VolumeSource>,
    /// The image that is to be found.
    pub(crate) image: Option<String>,
    /// Asked for by the image or by `-v /path`: then a file in its place is an error.
    pub(crate) declared: bool,
}

/// All mounts, parents before children.
pub(crate) fn gather(
    plans: &[MountPlan],
    inherited: &[Inherited],
    declared: &BTreeSet<String>,
    driver: &str,
) -> Result<Vec<Wanted>, Invalid> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    for from in inherited {
        for mount in from.mounts.iter().filter(|mount| mount.kind != "tmpfs") {
            let point = taken_over(mount, from.read_only);
            // Its layers are kept for each container.
            let image = (point.kind == "image").then(|| point.image.clone());
            wanted.insert(mount.destination.clone(), Wanted { point, volume: None, image, declared: false });
        }
    }
    for plan in plans {
        wanted.insert(plan.target.clone(), asked(plan, driver));
    }
    for path in declared {
        let wrong = || Invalid::Mount {
            kind: "volume",
            reason: format!("invalid mount path: '{path}' mount path must be absolute"),
        };
        let target = target_path(path).ok_or_else(wrong)?;
        wanted.entry(target.clone()).or_insert_with(|| {
            let source = VolumeSource { copy: true, ..VolumeSource::default() };
            let plan = MountPlan {
                source: Source::Volume(source),
                target,
                read_only: false,
                options: bind_options(Access::Write, Propagation::default(), true),
                mode: String::new(),
                propagation: Propagation::default(),
                chown: false,
            };
            Wanted { declared: true, ..asked(&plan, driver) }
        });
    }
    let mut wanted: Vec<Wanted> = wanted.into_values().collect();
    wanted.sort_by_cached_key(|mount| {
        (mount.point.destination.matches('/').count(), mount.point.destination.clone())
    });
    Ok(wanted)
}

fn asked(plan: &MountPlan, driver: &str) -> Wanted {
    let mut point = MountPoint {
        destination: plan.target.clone(),
        mode: plan.mode.clone(),
        rw: !plan.read_only,
        options: plan.options.clone(),
        chown: plan.chown,
        ..MountPoint::default()
    };
    let (mut volume, mut image) = (None, None);
    match &plan.source {
        Source::Bind { path, create } => {
            "bind".clone_into(&mut point.kind);
            point.source.clone_from(path);
            point.create = *create;
            plan.propagation.as_str().clone_into(&mut point.propagation);
        }
        Source::Volume(source) => {
            "volume".clone_into(&mut point.kind);
            point.subpath.clone_from(&source.subpath);
            let mut source = source.clone();
            if source.driver.is_empty() {
                driver.clone_into(&mut source.driver);
            }
            volume = Some(source);
        }
        Source::Tmpfs => "tmpfs".clone_into(&mut point.kind),
        Source::Image { reference, subpath } => {
            "image".clone_into(&mut point.kind);
            point.name.clone_from(reference);
            point.subpath.clone_from(subpath);
            image = Some(reference.clone());
        }
    }
    Wanted { point, volume, image, declared: false }
}

/// Another container's mount: what was read-only there stays so.
fn taken_over(mount: &MountPoint, read_only: bool) -> MountPoint {
    let mut point = mount.clone();
    if read_only && point.rw {
        point.rw = false;
        for option in point.options.iter_mut().filter(|option| *option == "rw") {
            "rro".clone_into(option);
        }
        if !point.is_of_host() {
            point.options.push("ro".to_owned());
        }
    }
    point.mode.clear();
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(target: &str) -> MountPlan {
        MountPlan {
            source: Source::Bind { path: "/src".into(), create: true },
            target: target.into(),
            read_only: false,
            options: bind_options(Access::Write, Propagation::default(), true),
            mode: String::new(),
            propagation: Propagation::default(),
            chown: false,
        }
    }

    fn volume(target: &str, name: &str) -> MountPoint {
        MountPoint {
            kind: "volume".into(),
            name: name.into(),
            destination: target.into(),
            rw: true,
            options: bind_options(Access::Write, Propagation::default(), true),
            ..MountPoint::default()
        }
    }

    fn shown(wanted: &[Wanted]) -> Vec<String> {
        wanted
            .iter()
            .map(|mount| {
                let point = &mount.point;
                format!(
                    "{} {}{} {}",
                    point.destination,
                    point.kind,
                    point.name,
                    if point.rw { "rw" } else { "ro" }
                )
            })
            .collect()
    }

    #[test]
    fn the_users_word_wins_over_other_containers_and_both_over_the_image() {
        let first = Inherited { mounts: vec![volume("/a", "A"), volume("/b", "B")], read_only: false };
        let second = Inherited { mounts: vec![volume("/b", "C"), volume("/c", "C")], read_only: true };
        let declared = ["/b", "/d", "/d/e", "/"].map(String::from);
        let all =
            gather(&[bind("/c")], &[first, second], &declared[..3].iter().cloned().collect(), "").unwrap();
        assert_eq!(
            shown(&all),
            ["/a volumeA rw", "/b volumeC ro", "/c bind rw", "/d volume rw", "/d/e volume rw"]
        );
        assert_eq!(all[1].point.options, ["rbind", "rro", "rprivate"]);
        assert!(all[3].declared && !all[2].declared);
        assert!(gather(&[], &[], &declared.into_iter().collect(), "").is_err());
    }

    #[test]
    fn references_to_other_containers() {
        assert_eq!(Inherited::parse("web").unwrap(), ("web", false));
        assert_eq!(Inherited::parse("web:ro").unwrap(), ("web", true));
        assert_eq!(Inherited::parse("web:rw,z").unwrap(), ("web", false));
        assert!(Inherited::parse("web:fast").is_err() && Inherited::parse(":ro").is_err());
    }
}

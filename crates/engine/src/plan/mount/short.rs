//! `-v`: `[source:]/container[:option,…]`. A source that is an absolute path is a path of the host, any other the name of
//! a volume, none a new volume of the container's own.

use super::{Access, MountPlan, Source, VolumeSource, bind_options, target_path};
use crate::spec::{Invalid, Propagation};
use crate::volume;

/// What Docker tells as the mode of a named volume that was given none.
const VOLUME_MODE: &str = "z";

/// The third part.
#[derive(Debug, Default)]
struct Options {
    read_only: bool,
    access: Option<()>,
    propagation: Option<Propagation>,
    non_recursive: bool,
    no_copy: bool,
    chown: bool,
}

impl Options {
    fn read(text: &str) -> Option<Options> {
        let mut options = Options::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" | "rw" => {
                    // Said twice, it contradicts itself or is a mistake.
                    if options.access.replace(()).is_some() {
                        return None;
                    }
                    options.read_only = option == "ro";
                }
                "nocopy" => options.no_copy = true,
                "U" => options.chown = true,
                "bind-nonrecursive" => options.non_recursive = true,
                // Labels of SELinux, which is not here to need them, and hints of other systems.
                "z" | "Z" | "consistent" | "cached" | "delegated" => {}
                other => options.propagation = Some(Propagation::parse(other)?),
            }
        }
        Some(options)
    }
}

/// Reads one entry of `HostConfig.Binds`.
pub(super) fn read(text: &str) -> Result<MountPlan, Invalid> {
    let wrong = || Invalid::Bind(text.to_owned());
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, mode] => (Some(source), target, mode),
        _ => return Err(wrong()),
    };
    let target = target_path(target).ok_or_else(wrong)?;
    let options = Options::read(mode).ok_or_else(wrong)?;
    match source {
        Some("") => Err(wrong()),
        Some(path) if path.starts_with('/') => Ok(bind(path, target, mode, &options)),
        name => volume(name, target, mode, &options).ok_or_else(wrong)?,
    }
}

fn bind(path: &str, target: String, mode: &str, options: &Options) -> MountPlan {
    let propagation = options.propagation.unwrap_or_default();
    MountPlan {
        source: Source::Bind { path: path.to_owned(), create: true },
        target,
        read_only: options.read_only,
        options: bind_options(Access::read_only(options.read_only), propagation, !options.non_recursive),
        mode: mode.to_owned(),
        propagation,
        chown: options.chown,
    }
}

/// `None` for options that only binds have.
fn volume(
    name: Option<&str>,
    target: String,
    mode: &str,
    options: &Options,
) -> Option<Result<MountPlan, Invalid>> {
    if options.propagation.is_some() || options.non_recursive {
        return None;
    }
    let name = match name.map(volume::check_name).transpose() {
        Ok(name) => name.map(str::to_owned),
        Err(reason) => return Some(Err(reason)),
    };
    let mode = if mode.is_empty() && name.is_some() { VOLUME_MODE } else { mode };
    Some(Ok(MountPlan {
        source: Source::Volume(VolumeSource { name, copy: !options.no_copy, ..VolumeSource::default() }),
        target,
        read_only: options.read_only,
        options: bind_options(Access::read_only(options.read_only), Propagation::default(), true),
        mode: mode.to_owned(),
        propagation: Propagation::default(),
        chown: options.chown,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume_of(text: &str) -> (VolumeSource, MountPlan) {
        let plan = read(text).unwrap();
        match plan.source.clone() {
            Source::Volume(volume) => (volume, plan),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn binds() {
        let plan = read("/a:/b:ro,rshared").unwrap();
        assert_eq!(plan.options, ["rbind", "rro", "rshared"]);
        assert_eq!(plan.mode, "ro,rshared");
        assert!(read("/a:/b:U,Z").unwrap().chown && !plan.chown && read("data:/b:U").unwrap().chown);
        assert_eq!(read("/a:/b/../c").unwrap().target, "/c");
        for wrong in ["/a:b", "/a:/", "/a:/b:ro:x", ":/b", "/a:/b:fast", "/a:/b:ro,rw", "b", ""] {
            assert!(matches!(read(wrong), Err(Invalid::Bind(_))), "{wrong}");
        }
    }

    #[test]
    fn volumes() {
        let (volume, plan) = volume_of("data:/b");
        assert_eq!((volume.name.as_deref(), volume.copy, plan.mode.as_str()), (Some("data"), true, "z"));
        let (volume, plan) = volume_of("data:/b:ro,nocopy");
        assert_eq!((volume.copy, plan.read_only, plan.mode.as_str()), (false, true, "ro,nocopy"));
        let (volume, plan) = volume_of("/b");
        assert_eq!((volume.name, plan.target.as_str(), plan.mode.as_str()), (None, "/b", ""));
        assert!(matches!(read("data:/b:shared"), Err(Invalid::Bind(_))));
        for wrong in ["a/b:/c", "-a:/c", "./a:/c", "..:/c"] {
            assert!(matches!(read(wrong), Err(Invalid::VolumeName(_))), "{wrong}");
        }
    }
}

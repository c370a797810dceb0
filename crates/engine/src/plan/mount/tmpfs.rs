//! `Tmpfs`: path → options of mount(8), a closed list since they go to the kernel.

use super::{MountPlan, Source, target_path};
use crate::spec::{Invalid, Propagation};

/// Reads one entry of `HostConfig.Tmpfs`.
pub(super) fn read(target: &str, text: &str) -> Result<MountPlan, Invalid> {
    let wrong = |reason: String| Invalid::Mount { kind: "tmpfs", reason };
    let target = target_path(target)
        .ok_or_else(|| wrong(format!("invalid mount path: '{target}' mount path must be absolute")))?;
    let mut options = defaults();
    let mut read_only = false;
    for option in text.split(',').filter(|option| !option.is_empty()) {
        add(&mut options, option)?;
        read_only |= option == "ro";
    }
    let propagation = Propagation::default();
    let mode = text.to_owned();
    Ok(MountPlan { source: Source::Tmpfs, target, read_only, options, mode, propagation, chown: false })
}

/// Adds an option in the place of its opposite.
pub(super) fn add(options: &mut Vec<String>, option: &str) -> Result<(), Invalid> {
    let key = option.split_once('=').map_or(option, |(key, _)| key);
    let counterpart = match key {
        "exec" | "suid" | "dev" => Some(format!("no{key}")),
        "ro" | "rw" | "noexec" | "nosuid" | "nodev" | "noatime" | "relatime" | "size" | "mode" | "uid"
        | "gid" | "nr_inodes" | "nr_blocks" => None,
        _ => {
            let reason = format!("invalid tmpfs option [\"{option}\"]");
            return Err(Invalid::Mount { kind: "tmpfs", reason });
        }
    };
    options.retain(|set| *set != option && Some(set) != counterpart.as_ref());
    options.push(option.to_owned());
    Ok(())
}

/// What a tmpfs has unless somebody says otherwise.
pub(super) fn defaults() -> Vec<String> {
    ["noexec", "nosuid", "nodev"].map(String::from).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_replace_their_opposites() {
        let plan = read("/run", "exec,size=64m").unwrap();
        assert_eq!(plan.options, ["nosuid", "nodev", "exec", "size=64m"]);
        assert!(read("/run", "context=evil").is_err());
        assert!(read("run", "").is_err());
    }
}

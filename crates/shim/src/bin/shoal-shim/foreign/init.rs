//! `--init` under another runtime, which has none: this program, seen in the container, is the first process.
//!
//! It lies in the container's own `/dev`, so that nothing of it is left in the writable layer.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use runtime::oci::{MountBuilder, Spec};

use super::not_implemented;
use crate::{Failure, setup};

/// The word on its command line that tells this program to be an init; the program and its arguments follow.
pub(crate) const INIT: &str = "init";
/// Where the container has it.
const PLACE: &str = "/dev/init";
const DEV: &str = "/dev";
/// Bytes of an ELF file's head that tell of everything that is looked at.
const HEAD_BYTES: u64 = 4096;

/// The configuration with this program in front of the container's.
pub(super) fn beneath(mut spec: Spec) -> Result<Spec, Failure> {
    let program = setup::program().map_err(|error| Failure::File("init", error))?;
    if !is_static(&program).map_err(|error| Failure::File("init", error))? {
        return Err(not_implemented("--init by a shim that is no static program"));
    }
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    let own_dev = |mount: &runtime::oci::Mount| {
        mount.destination() == Path::new(DEV) && mount.typ().as_deref() == Some("tmpfs")
    };
    // The last one at a place is the one that is seen.
    if !mounts.iter().rfind(|mount| mount.destination() == Path::new(DEV)).is_some_and(own_dev) {
        return Err(not_implemented("--init with another /dev than the container's own"));
    }
    let mount = MountBuilder::default()
        .destination(PLACE)
        .typ("bind")
        .source(program)
        .options(["bind", "ro", "nosuid", "nodev"].map(str::to_owned))
        .build()
        .map_err(|error| Failure::File("config.json", io::Error::other(error)))?;
    mounts.push(mount);
    spec.set_mounts(Some(mounts));
    let Some(mut process) = spec.process().clone() else { return Ok(spec) };
    let words = [PLACE, INIT].map(str::to_owned).into_iter();
    let arguments = process.args().clone().unwrap_or_default();
    process.set_args(Some(words.chain(arguments).collect()));
    spec.set_process(Some(process));
    Ok(spec)
}

/// The first process of a container: runs the program and ends as it does.
pub(crate) fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments: Result<Vec<CString>, _> =
        arguments.map(|argument| CString::new(argument.into_vec())).collect();
    let code = runtime::init_of(&arguments.unwrap_or_default());
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Whether a program needs no loader, of which a container may have none or another's.
fn is_static(program: &PathBuf) -> io::Result<bool> {
    /// The type of the entry that names a loader.
    const PT_INTERP: u32 = 3;
    let mut head = Vec::new();
    File::open(program)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    let number = |at: usize, size: usize| {
        let bytes = head.get(at..at + size)?;
        Some(bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    // A 64-bit file of little ends: where its entries are, how large and how many.
    let entries = || Some((number(32, 8)? as usize, number(54, 2)? as usize, number(56, 2)? as usize));
    let Some((start, size, count)) = entries() else { return Ok(false) };
    let kinds = (0..count).map(|entry| number(start.saturating_add(entry * size), 4));
    Ok(kinds.into_iter().all(|kind| kind.is_some_and(|kind| kind != u64::from(PT_INTERP))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::oci::{Mount, Process};

    #[test]
    fn a_static_program_is_told_from_one_that_needs_a_loader() {
        assert!(is_static(&"/bin/busybox".into()).unwrap(), "busybox-static");
        assert!(!is_static(&"/bin/ls".into()).unwrap());
        assert!(is_static(&"/no/such".into()).is_err());
    }

    #[test]
    fn another_dev_is_left_alone() {
        let mut spec = Spec::default();
        let mut dev = Mount::default();
        dev.set_destination(DEV.into()).set_typ(Some("bind".into())).set_source(Some(DEV.into()));
        spec.set_mounts(Some(vec![dev])).set_process(Some(Process::default()));
        assert!(beneath(spec).unwrap_err().to_string().contains("is not implemented"));
    }
}

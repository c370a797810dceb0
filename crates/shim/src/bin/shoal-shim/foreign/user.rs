//! Who a process is, in numbers: other runtimes know no names of users.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use runtime::oci::{Process, User, UserBuilder};

use crate::Failure;

/// A larger file of users or groups is not read.
const MAX_USERS_BYTES: u64 = 1 << 20;

/// Makes numbers of `user`, where it is given, and of the names of further groups, by the files of the container's own `root`.
pub(super) fn number(
    process: &mut Process,
    user: Option<&str>,
    groups: &[String],
    root: &OwnedFd,
) -> Result<(), Failure> {
    let group = read(root, "etc/group");
    let (mut uid, mut gid) = (process.user().uid(), process.user().gid());
    let mut all = process.user().additional_gids().clone().unwrap_or_default();
    if let Some(user) = user {
        let found = runtime::user::resolve(user, &read(root, "etc/passwd"), &group).map_err(unknown)?;
        (uid, gid) = (found.uid, found.gid);
        all.extend(found.groups);
    }
    for name in groups {
        all.push(runtime::user::further_group(name, &group).map_err(unknown)?);
    }
    // A file that denies its own group must deny this user too (CVE-2022-36109).
    all.push(gid);
    all.sort_unstable();
    all.dedup();
    process.set_user(numbers(uid, gid, all)?);
    Ok(())
}

fn numbers(uid: u32, gid: u32, groups: Vec<u32>) -> Result<User, Failure> {
    let user = UserBuilder::default().uid(uid).gid(gid).additional_gids(groups).build();
    user.map_err(|error| Failure::File("config.json", io::Error::other(error)))
}

fn unknown(error: runtime::user::UserError) -> Failure {
    Failure::Runtime(runtime::Error::Invalid(error.to_string()))
}

/// A file of the container's own root, which may be laid out to lead elsewhere: it does not get out. Missing: empty.
fn read(root: &OwnedFd, path: &str) -> Vec<u8> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut bytes = Vec::new();
    if let Ok(file) = openat2(root.as_fd(), path, how).map(File::from)
        && file.metadata().is_ok_and(|metadata| metadata.is_file())
    {
        let _ = file.take(MAX_USERS_BYTES).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn names_become_numbers_by_the_containers_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("passwd"), "web:x:33:34::/srv:/bin/sh\n").unwrap();
        // Absolute in the container.
        symlink("/passwd", dir.path().join("etc/passwd")).unwrap();
        fs::write(dir.path().join("etc/group"), "more:x:7:web\nlog:x:9:\n").unwrap();
        let root = OwnedFd::from(File::open(dir.path()).unwrap());
        let of = |user: Option<&str>, groups: &[&str]| {
            let mut process = Process::default();
            process.set_user(numbers(1, 2, vec![5]).unwrap());
            let groups: Vec<String> = groups.iter().map(|&name| name.to_owned()).collect();
            number(&mut process, user, &groups, &root)?;
            let user = process.user().clone();
            Ok::<_, Failure>((user.uid(), user.gid(), user.additional_gids().clone().unwrap()))
        };
        assert_eq!(of(Some("web"), &["log"]).unwrap(), (33, 34, vec![5, 7, 9, 34]));
        assert_eq!(of(None, &[]).unwrap(), (1, 2, vec![2, 5]));
        assert!(of(Some("nobody"), &[]).unwrap_err().to_string().contains("unable to find user nobody"));
        assert!(of(None, &["nosuch"]).unwrap_err().to_string().contains("Unable to find group nosuch"));
    }
}

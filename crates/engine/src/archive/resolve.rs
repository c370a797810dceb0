//! Where a path leads when its links are followed, as text: for telling a client, and for comparing with mount points.
//! Nothing is opened by such a text.

use std::collections::VecDeque;
use std::io;

/// How many links one path may go through: the kernel's limit.
const MAX_LINKS: usize = 40;

/// Follows the links of an absolute clean path. `read_link` gives the target of a path that is a link, `None` for one that
/// is not; what does not exist ends the following, and the rest is taken as it is.
pub(super) fn resolve(
    path: &[u8],
    mut read_link: impl FnMut(&[u8]) -> io::Result<Option<Vec<u8>>>,
) -> io::Result<Vec<u8>> {
    let parts =
        |path: &[u8]| -> Vec<Vec<u8>> { path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect() };
    let mut left: VecDeque<Vec<u8>> = parts(path).into();
    let mut done: Vec<Vec<u8>> = Vec::new();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        match part.as_slice() {
            b"" | b"." => continue,
            b".." => {
                done.pop();
                continue;
            }
            _ => done.push(part),
        }
        let target = match read_link(&joined(&done)) {
            Ok(Some(target)) => target,
            Ok(None) => continue,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(io::Error::from_raw_os_error(nix::libc::ELOOP));
        }
        done.pop();
        if target.starts_with(b"/") {
            done.clear();
        }
        for part in parts(&target).into_iter().rev() {
            left.push_front(part);
        }
    }
    Ok(joined(&done))
}

fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"/".to_vec(), parts.join(&b'/')].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(path: &str, links: &[(&str, &str)]) -> io::Result<String> {
        let read = |path: &[u8]| {
            let found = links.iter().find(|(from, _)| from.as_bytes() == path);
            Ok(found.map(|(_, to)| to.as_bytes().to_vec()))
        };
        resolve(path.as_bytes(), read).map(|path| String::from_utf8(path).unwrap())
    }

    #[test]
    fn links_lead_within_the_root() {
        let links = [("/var/run", "/run"), ("/run/lock", "../tmp/./x"), ("/out", "../../../etc")];
        assert_eq!(follow("/var/run/lock/file", &links).unwrap(), "/tmp/x/file");
        assert_eq!(follow("/out/passwd", &links).unwrap(), "/etc/passwd");
        assert_eq!(follow("/plain", &links).unwrap(), "/plain");
        assert_eq!(follow("/", &links).unwrap(), "/");
        assert!(follow("/a", &[("/a", "b"), ("/b", "a")]).is_err());
    }
}

//! Docker's rules of `cp`: which directory an archive is made in or unpacked into, and what its top is called there.
//!
//! Pure. Paths are texts of the form the user typed, since a trailing slash and a trailing `/.` mean something.

use crate::error::Error;

/// One end of a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) exists: bool,
    pub(super) directory: bool,
    /// The name that the copied thing shall have instead of its own: that of the link which led to it.
    pub(super) rebase: Option<String>,
}

/// What the archive's top is called, and what it is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rename {
    pub(super) from: String,
    pub(super) to: String,
}

impl Rename {
    /// The name of an entry after the renaming. Names of files are bytes, whatever they mean.
    pub(super) fn apply(&self, name: &[u8]) -> Vec<u8> {
        let from = if self.from == "/" { b"".as_slice() } else { self.from.as_bytes() };
        let plain = name.strip_prefix(b"./").filter(|_| from != b".").unwrap_or(name);
        let to = self.to.as_bytes();
        match plain.strip_prefix(from) {
            Some([]) => to.to_vec(),
            Some(rest) if rest.starts_with(b"/") => [to, rest].concat(),
            Some(rest) if from.is_empty() => [to, b"/", rest].concat(),
            _ => name.to_vec(),
        }
    }
}

/// The container and the path of `CONTAINER:PATH`; no container for a local path.
pub(super) fn split_argument(argument: &str) -> (Option<&str>, &str) {
    match argument.split_once(':') {
        Some((container, path)) if !argument.starts_with('/') && !container.starts_with('.') => {
            (Some(container), path)
        }
        _ => (None, argument),
    }
}

/// Go's `filepath.Clean`: no empty parts, no dots, as few double dots as can be.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Whether the last part is a dot: the content of a directory is meant, not the directory.
pub(super) fn is_content(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// Whether a directory is meant, be it there or not.
fn asserts_directory(path: &str) -> bool {
    path.ends_with('/') || is_content(path)
}

/// The directory and the last part; the last part of `a/.` is the dot.
pub(super) fn split(path: &str) -> (String, String) {
    let cleaned = clean(path);
    if is_content(path) {
        return (cleaned, ".".to_owned());
    }
    match cleaned.rsplit_once('/') {
        Some(("", "")) => ("/".to_owned(), "/".to_owned()),
        Some(("", name)) => ("/".to_owned(), name.to_owned()),
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => (".".to_owned(), cleaned),
    }
}

/// Where a link that stands at `path` leads.
pub(super) fn follow(path: &str, target: &str) -> String {
    if target.starts_with('/') { target.to_owned() } else { clean(&format!("{}/{target}", split(path).0)) }
}

/// The path that a link led to with what the user's path ended in, and the user's name for it if that is another.
pub(super) fn resolved(asked: &str, resolved: &str) -> (String, Option<String>) {
    let mut resolved = resolved.to_owned();
    if is_content(asked) && !is_content(&resolved) {
        resolved.push_str("/.");
    }
    if asked.ends_with('/') && !resolved.ends_with('/') {
        resolved.push('/');
    }
    let base = |path: &str| split(path.trim_end_matches("/.")).1;
    let rebase = (base(asked) != base(&resolved)).then(|| base(asked));
    (resolved, rebase)
}

/// The directory into which the archive of `source` is unpacked so that it becomes `destination`, and the name its top
/// then has, if that is another.
pub(super) fn plan(source: &Place, destination: &Place) -> Result<(String, Option<Rename>), Error> {
    let refuse = |text: &str| Err(Error::Usage(text.to_owned()));
    if destination.exists && destination.directory {
        return Ok((destination.path.clone(), None));
    }
    if destination.exists && source.directory {
        return refuse("cannot copy directory");
    }
    if !destination.exists && !source.directory && asserts_directory(&destination.path) {
        return refuse("no such directory");
    }
    let (folder, to) = split(&destination.path);
    let from = source.rebase.clone().unwrap_or_else(|| split(&source.path).1);
    Ok((folder, Some(Rename { from, to })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        for (argument, want) in [
            ("c:/a", (Some("c"), "/a")),
            ("c:a:b", (Some("c"), "a:b")),
            ("./c:a", (None, "./c:a")),
            ("/c:a", (None, "/c:a")),
            ("a", (None, "a")),
            ("-", (None, "-")),
        ] {
            assert_eq!(split_argument(argument), want, "{argument}");
        }
    }

    #[test]
    fn paths() {
        for (path, want) in [
            ("/a/b/", ("/a", "b")),
            ("/a/.", ("/a", ".")),
            ("/", ("/", "/")),
            ("a", (".", "a")),
            ("/a", ("/", "a")),
        ] {
            assert_eq!(split(path), (want.0.to_owned(), want.1.to_owned()), "{path}");
        }
        for (path, want) in
            [("/a/../../b", "/b"), ("a//./b/", "a/b"), ("", "."), ("../a", "../a"), ("a/../..", "..")]
        {
            assert_eq!(clean(path), want, "{path}");
        }
        assert_eq!(follow("/a/link", "../b"), "/b");
        assert_eq!(resolved("/a/link/", "/b"), ("/b/".to_owned(), Some("link".to_owned())));
        assert_eq!(resolved("/a/b", "/c/b"), ("/c/b".to_owned(), None));
    }

    #[test]
    fn names() {
        let rename = |from: &str, to: &str| Rename { from: from.to_owned(), to: to.to_owned() };
        for (from, to, name, want) in [
            ("a", "b", "a", "b"),
            ("a", "b", "a/", "b/"),
            ("a", "b", "a/a/x", "b/a/x"),
            ("a", "b", "ab", "ab"),
            (".", "b", "./x", "b/x"),
            (".", "b", "./", "b/"),
            ("/", "b", "/x", "b/x"),
            ("/", "b", "x", "b/x"),
        ] {
            assert_eq!(rename(from, to).apply(name.as_bytes()), want.as_bytes(), "{from} {to} {name}");
        }
    }

    #[test]
    fn what_becomes_what() {
        let place =
            |path: &str, exists, directory| Place { path: path.to_owned(), exists, directory, rebase: None };
        let (file, dir) = (place("/s/f", true, false), place("/s/d", true, true));
        // Into a directory, under its own name.
        assert_eq!(plan(&file, &place("/t", true, true)).unwrap(), ("/t".to_owned(), None));
        // Over a file, or as a new name.
        let renamed = |from: &str, to: &str| Some(Rename { from: from.to_owned(), to: to.to_owned() });
        assert_eq!(plan(&file, &place("/t/x", true, false)).unwrap(), ("/t".to_owned(), renamed("f", "x")));
        assert_eq!(plan(&file, &place("/t/x", false, false)).unwrap(), ("/t".to_owned(), renamed("f", "x")));
        assert_eq!(plan(&dir, &place("/t/x/", false, false)).unwrap(), ("/t".to_owned(), renamed("d", "x")));
        let content = place("/s/d/.", true, true);
        assert_eq!(
            plan(&content, &place("/t/x", false, false)).unwrap(),
            ("/t".to_owned(), renamed(".", "x"))
        );
        assert_eq!(plan(&dir, &place("/t/x", true, false)).unwrap_err().to_string(), "cannot copy directory");
        assert_eq!(plan(&file, &place("/t/x/", false, false)).unwrap_err().to_string(), "no such directory");
    }
}

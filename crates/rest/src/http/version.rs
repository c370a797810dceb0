//! Versions of the API: which one a path asks for, and which are spoken.

use engine_api::MAX_MINOR;

use crate::failure::Failure;

/// A version of the API; the major number is always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u16);

impl Version {
    /// What a path without a version gets.
    pub(crate) const NEWEST: Self = Self(MAX_MINOR);

    /// Whether this version is `1.minor` or newer.
    pub(crate) fn since(self, minor: u16) -> bool {
        self.0 >= minor
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

/// Archives of images go in and out in the same form in every version, and programs that do nothing else have asked for an old one
/// ever since: skopeo's `docker-daemon:` for 1.22.
const SAME_EVER_SINCE: [&str; 2] = ["/images/get", "/images/load"];
/// The oldest version that dockerd has ever spoken since it had those.
const OLDEST_MINOR: u16 = 12;

/// Takes the version off a path (`/v1.44/info`), and checks that it is spoken. A prefix that is no version stays where it is.
pub(crate) fn split(path: &str, min_minor: u16) -> Result<(Version, &str), Failure> {
    let Some((asked, rest)) = prefix(path) else { return Ok((Version::NEWEST, path)) };
    let min_minor = if SAME_EVER_SINCE.contains(&rest) { OLDEST_MINOR } else { min_minor };
    let too_new = || {
        let newest = Version::NEWEST;
        Failure::invalid(format!(
            "client version {asked} is too new. Maximum supported API version is {newest}"
        ))
    };
    let too_old = || {
        let oldest = Version(min_minor);
        Failure::invalid(format!(
            "client version {asked} is too old. Minimum supported API version is {oldest}, please upgrade your client to a newer version"
        ))
    };
    let mut numbers = asked.split('.').map(str::parse::<u16>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(0)), _) => Err(too_old()),
        (Some(Ok(1)), Some(Ok(minor))) if minor < min_minor => Err(too_old()),
        (Some(Ok(1)), Some(Ok(minor))) if minor <= MAX_MINOR => Ok((Version(minor), rest)),
        (Some(Ok(1)), None) => Err(too_old()),
        _ => Err(too_new()),
    }
}

/// `v` and numbers with dots, up to the next slash.
fn prefix(path: &str) -> Option<(&str, &str)> {
    let tail = path.strip_prefix("/v")?;
    let end = tail.find('/')?;
    let (asked, rest) = tail.split_at(end);
    let numeric = asked.starts_with(|c: char| c.is_ascii_digit())
        && asked.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    numeric.then_some((asked, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_and_without_version() {
        assert_eq!(split("/info", 40), Ok((Version::NEWEST, "/info")));
        assert_eq!(split("/v1.44/info", 40), Ok((Version(44), "/info")));
        assert_eq!(split("/version", 40), Ok((Version::NEWEST, "/version")));
        assert_eq!(split("/v1.24/info", 24), Ok((Version(24), "/info")));
        assert_eq!(split("/volumes/x", 40), Ok((Version::NEWEST, "/volumes/x")));
        assert_eq!(split("/v1.22/images/load", 40), Ok((Version(22), "/images/load")));
    }

    #[test]
    fn too_new_and_too_old_say_what_is_spoken() {
        let message = |path| split(path, 40).expect_err(path).message;
        assert_eq!(
            message("/v1.99/info"),
            "client version 1.99 is too new. Maximum supported API version is 1.56"
        );
        assert!(message("/v2.0/info").contains("too new"));
        assert!(message("/v1.99999999/info").contains("too new"));
        assert_eq!(
            message("/v1.39/info"),
            "client version 1.39 is too old. Minimum supported API version is 1.40, please upgrade your client to a newer version"
        );
        assert!(message("/v0.9/info").contains("too old"));
    }
}

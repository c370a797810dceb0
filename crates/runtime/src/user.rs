//! `USER` of an image to numbers, by our own reading of `passwd` and `group`: no NSS, no library of the image.
//!
//! Pure: the caller opens the files beneath the container's root and passes their bytes, which are hostile.

/// The largest user or group id: above it, numbers wrap in somebody's signed integer (CVE-2024-40635).
const MAX_ID: u64 = i32::MAX as u64;

/// A resolved user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids, without duplicates.
    pub groups: Vec<u32>,
    /// Home directory from `passwd`, if the user is listed there.
    pub home: Option<String>,
}

/// Why a user cannot be resolved, in Docker's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The name is not in `passwd`.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoUser(String),
    /// The name is not in `group`.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoGroup(String),
    /// The same of a further group, where Docker has a capital letter.
    #[error("Unable to find group {0}: no matching entries in group file")]
    NoFurtherGroup(String),
    /// A number above 2^31-1.
    #[error("uids and gids must be in range 0-2147483647")]
    Range,
}

/// Resolves `user`, `uid`, `user:group`, `uid:gid`, … as Docker does: what is all digits is a number, even if
/// somebody is called so; an unlisted number is taken as it is, with group 0; a listed user gets
/// its groups, unless a group is named. Empty: user 0.
///
/// # Errors
/// If a name is unknown or a number is out of range.
pub fn resolve(spec: &str, passwd: &[u8], group: &[u8]) -> Result<User, UserError> {
    let (user_part, group_part) = spec.split_once(':').unwrap_or((spec, ""));
    let wanted = Wanted::parse(if user_part.is_empty() { "0" } else { user_part })?;
    let entry = lines(passwd).find_map(|line| Passwd::parse(line).filter(|p| wanted.is(p.name, p.uid)));
    let mut user = match (&entry, &wanted) {
        (Some(entry), _) => User {
            uid: checked(entry.uid)?,
            gid: checked(entry.gid)?,
            groups: Vec::new(),
            home: Some(entry.home.to_owned()),
        },
        (None, Wanted::Number(uid)) => User { uid: checked(*uid)?, ..User::default() },
        (None, Wanted::Name(name)) => return Err(UserError::NoUser((*name).to_owned())),
    };
    if group_part.is_empty() {
        if let Some(entry) = &entry {
            user.groups = memberships(entry.name, group)?;
        }
    } else {
        user.gid = group_id(group_part, group)?;
    }
    Ok(user)
}

/// The number of a group by name or number, for groups that the process has besides its user's.
///
/// # Errors
/// If the name is unknown or the number is out of range.
pub fn further_group(spec: &str, group: &[u8]) -> Result<u32, UserError> {
    group_id(spec, group).map_err(|error| match error {
        UserError::NoGroup(name) => UserError::NoFurtherGroup(name),
        other => other,
    })
}

fn memberships(name: &str, group: &[u8]) -> Result<Vec<u32>, UserError> {
    let mut groups = Vec::new();
    for line in lines(group) {
        let Some(entry) = Group::parse(line) else {
            continue;
        };
        if entry.members.split(',').any(|member| member == name) {
            let gid = checked(entry.gid)?;
            if !groups.contains(&gid) {
                groups.push(gid);
            }
        }
    }
    Ok(groups)
}

fn group_id(spec: &str, group: &[u8]) -> Result<u32, UserError> {
    let wanted = Wanted::parse(spec)?;
    let entry = lines(group).find_map(|line| Group::parse(line).filter(|g| wanted.is(g.name, g.gid)));
    match (entry, wanted) {
        (Some(entry), _) => checked(entry.gid),
        (None, Wanted::Number(gid)) => checked(gid),
        (None, Wanted::Name(name)) => Err(UserError::NoGroup(name.to_owned())),
    }
}

enum Wanted<'a> {
    Number(u64),
    Name(&'a str),
}

impl<'a> Wanted<'a> {
    fn parse(text: &'a str) -> Result<Wanted<'a>, UserError> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Wanted::Name(text));
        }
        // A number that does not fit, or has a sign, is a number out of range, not a name.
        text.parse().map(Wanted::Number).map_err(|_| UserError::Range)
    }

    fn is(&self, name: &str, number: u64) -> bool {
        match self {
            Wanted::Number(wanted) => *wanted == number,
            Wanted::Name(wanted) => *wanted == name,
        }
    }
}

struct Passwd<'a> {
    name: &'a str,
    uid: u64,
    gid: u64,
    home: &'a str,
}

impl<'a> Passwd<'a> {
    fn parse(line: &'a str) -> Option<Passwd<'a>> {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1).unwrap_or_default();
        Some(Passwd { name, uid, gid, home })
    }
}

struct Group<'a> {
    name: &'a str,
    gid: u64,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Group<'a>> {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse().ok()?;
        let members = fields.next().unwrap_or_default();
        Some(Group { name, gid, members })
    }
}

/// Lines that are text and no comments.
fn lines(file: &[u8]) -> impl Iterator<Item = &str> {
    file.split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn checked(id: u64) -> Result<u32, UserError> {
    u32::try_from(id).ok().filter(|id| u64::from(*id) <= MAX_ID).ok_or(UserError::Range)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# nobody\nwww:x:33:34::/var/www:/bin/false\n1000:x:7:7::/:\nbroken\nbig:x:2147483648:0::/:\n";
    const GROUP: &[u8] = b"root:x:0:\nwww:x:34:\nweb:x:50:www,other\nlog:x:51:other,www\ndup:x:50:www\n";

    #[test]
    fn names_numbers_and_both() {
        let www = resolve("www", PASSWD, GROUP).unwrap();
        assert_eq!((www.uid, www.gid), (33, 34));
        assert_eq!(www.groups, [50, 51]);
        assert_eq!(www.home.as_deref(), Some("/var/www"));
        assert_eq!(resolve("33", PASSWD, GROUP).unwrap(), www);
        let grouped = resolve("www:log", PASSWD, GROUP).unwrap();
        assert_eq!((grouped.uid, grouped.gid), (33, 51));
        assert!(grouped.groups.is_empty());
        let unlisted = resolve("4242:4343", PASSWD, GROUP).unwrap();
        assert_eq!((unlisted.uid, unlisted.gid), (4242, 4343));
        assert_eq!(resolve("", PASSWD, GROUP).unwrap().home.as_deref(), Some("/root"));
    }

    #[test]
    fn digits_are_a_number_even_if_it_is_a_name() {
        assert_eq!(resolve("1000", PASSWD, GROUP).unwrap().uid, 1000);
    }

    #[test]
    fn unknown_names_and_wild_numbers_are_errors() {
        assert_eq!(resolve("ghost", PASSWD, GROUP), Err(UserError::NoUser("ghost".into())));
        assert_eq!(further_group("log", GROUP), Ok(51));
        assert_eq!(further_group("ghost", GROUP), Err(UserError::NoFurtherGroup("ghost".into())));
        assert_eq!(resolve("0:ghost", PASSWD, GROUP), Err(UserError::NoGroup("ghost".into())));
        for wild in ["2147483648", "4294967296", "-1", "18446744073709551616", "big", "0:4294967295"] {
            assert_eq!(resolve(wild, PASSWD, GROUP), Err(UserError::Range), "{wild}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_or_leaves_the_range(
            spec in ".{0,20}", passwd in prop::collection::vec(any::<u8>(), 0..200), group in ".{0,200}",
        ) {
            if let Ok(user) = resolve(&spec, &passwd, group.as_bytes()) {
                prop_assert!(u64::from(user.uid) <= MAX_ID && u64::from(user.gid) <= MAX_ID);
            }
        }
    }
}

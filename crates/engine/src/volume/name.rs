//! Names of volumes. Pure.

use crate::spec::Invalid;
use rand::Rng;

/// Longest name, in bytes: that of a directory.
const MAX_BYTES: usize = 255;
/// Bytes of the number that names a volume without a name.
const RANDOM_BYTES: usize = 32;

/// Takes a name that is safe as that of a directory: two or more letters, digits, `_`, `.`, `-`, and no `.` first.
///
/// # Errors
/// [`Invalid::VolumeName`], [`Invalid::ShortVolumeName`]
pub(crate) fn check_name(name: &str) -> Result<&str, Invalid> {
    if name.len() == 1 {
        return Err(Invalid::ShortVolumeName);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && (2..=MAX_BYTES).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name);
    }
    Err(Invalid::VolumeName(name.chars().take(MAX_BYTES).collect()))
}

/// A name for a volume that was given none: 64 hexadecimal digits.
pub(crate) fn random(rng: &mut impl Rng) -> String {
    let mut bytes = [0u8; RANDOM_BYTES];
    rng.fill(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for good in ["data", "a0", "A_.-b", "9z"] {
            assert_eq!(check_name(good), Ok(good));
        }
        for bad in ["", "a", ".a", "-a", "_a", "a/b", "a b", "ä0", "a\0"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name(&random(&mut rand::rng())).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_taken_is_one_plain_name(name in ".{0,8}") {
            if let Ok(name) = check_name(&name) {
                prop_assert!(!name.contains('/') && !name.starts_with('.') && name.len() >= 2);
            }
        }
    }
}

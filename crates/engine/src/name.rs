//! Names of containers: what is allowed, and what is made up when none is given.

use crate::spec::Invalid;
use rand::Rng;
use rand::seq::IndexedRandom;

/// The longest name; Docker has no limit, the store and file systems do.
const NAME_MAX: usize = 255;

const ADJECTIVES: &[&str] = &[
    "able", "agile", "amber", "bold", "brave", "bright", "brisk", "calm", "clever", "cosmic", "crisp",
    "daring", "deft", "eager", "early", "fair", "fleet", "fluent", "frosty", "gentle", "glad", "golden",
    "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively", "lucid", "lucky", "merry",
    "mighty", "nimble", "noble", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet", "rapid",
    "ready", "serene", "sharp", "silent", "silver", "sleek", "smooth", "snug", "solid", "spry", "steady",
    "sturdy", "sunny", "swift", "tidy", "tranquil", "trusty", "vivid", "warm", "wise", "witty", "zesty",
];

const SURNAMES: &[&str] = &[
    "agnesi",
    "ampere",
    "babbage",
    "banach",
    "bernoulli",
    "bohr",
    "boole",
    "cantor",
    "carson",
    "cauchy",
    "cerf",
    "cockcroft",
    "curie",
    "darwin",
    "dijkstra",
    "dirac",
    "earle",
    "einstein",
    "erdos",
    "euclid",
    "euler",
    "faraday",
    "fermat",
    "fermi",
    "feynman",
    "franklin",
    "galileo",
    "galois",
    "gauss",
    "germain",
    "goodall",
    "hamilton",
    "hawking",
    "heisenberg",
    "hermann",
    "hertz",
    "hodgkin",
    "hopper",
    "hubble",
    "huygens",
    "joule",
    "kepler",
    "knuth",
    "kovalevskaya",
    "lamarr",
    "lamport",
    "leavitt",
    "liskov",
    "lovelace",
    "maxwell",
    "meitner",
    "mendel",
    "mirzakhani",
    "newton",
    "nightingale",
    "noether",
    "pascal",
    "pasteur",
    "perlman",
    "planck",
    "ramanujan",
    "ride",
    "ritchie",
    "rubin",
    "shannon",
    "somerville",
    "tesla",
    "thompson",
    "torvalds",
    "turing",
    "volta",
    "wiles",
    "wing",
    "wu",
    "yalow",
];

/// Judges a name and takes off the leading slash that some clients send.
///
/// # Errors
/// [`Invalid::Name`] when it is outside `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(crate) fn check(name: &str) -> Result<&str, Invalid> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut bytes = bare.bytes();
    let head = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let tail = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if head && tail && (2..=NAME_MAX).contains(&bare.len()) {
        Ok(bare)
    } else {
        Err(Invalid::Name(name.to_owned()))
    }
}

/// A made-up name, as a container without one gets it.
pub fn random_name() -> String {
    random(&mut rand::rng(), 0)
}

/// Makes up a name; from the second attempt on it carries a digit, since the plain ones may be used up.
pub(crate) fn random(rng: &mut impl Rng, attempt: usize) -> String {
    let adjective = ADJECTIVES.choose(rng).unwrap_or(&"calm");
    let surname = SURNAMES.choose(rng).unwrap_or(&"noether");
    if attempt == 0 {
        format!("{adjective}_{surname}")
    } else {
        format!("{adjective}_{surname}{}", rng.random_range(0..100_000))
    }
}

/// Makes up an id: 64 hexadecimal digits whose first 12 are not all decimal, or the host name would be a number.
pub(crate) fn random_id(rng: &mut impl Rng) -> String {
    loop {
        let id = hex::encode(rng.random::<[u8; 32]>());
        if id.bytes().take(crate::record::SHORT_ID).any(|digit| !digit.is_ascii_digit()) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dockers_alphabet() {
        for good in ["web", "/web", "a1", "0_.-", "Web-1.two_3"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a", "-web", ".web", "_x", "we b", "wéb", "a/b", "//web", "web\n", "web\0"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"a".repeat(NAME_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_made_up_is_allowed(seed: u64, attempt in 0usize..5) {
            use rand::SeedableRng;
            let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
            let name = random(&mut rng, attempt);
            prop_assert_eq!(check(&name).unwrap(), name.as_str());
            let id = random_id(&mut rng);
            prop_assert_eq!(id.len(), 64);
        }
    }
}

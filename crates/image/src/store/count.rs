//! How many images, containers and running operations use each blob and layer. Pure.

use std::collections::HashMap;

use crate::digest::Digest;

/// Uses per digest; what nobody uses is not in it.
#[derive(Debug, Default)]
pub(crate) struct Counts(HashMap<Digest, usize>);

impl Counts {
    /// One more use of each.
    pub(crate) fn add<'a>(&mut self, digests: impl IntoIterator<Item = &'a Digest>) {
        for digest in digests {
            *self.0.entry(*digest).or_default() += 1;
        }
    }

    /// One use less of each; returns those that nobody uses any more.
    pub(crate) fn subtract<'a>(&mut self, digests: impl IntoIterator<Item = &'a Digest>) -> Vec<Digest> {
        let mut unused = Vec::new();
        for digest in digests {
            match self.0.get_mut(digest) {
                Some(uses) if *uses > 1 => *uses -= 1,
                Some(_) => {
                    self.0.remove(digest);
                    unused.push(*digest);
                }
                None => {}
            }
        }
        unused
    }

    pub(crate) fn is_used(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_use_releases() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let mut counts = Counts::default();
        counts.add([&a, &b]);
        counts.add([&a, &a]);
        assert_eq!(counts.subtract([&a, &b]), [b]);
        assert!(counts.is_used(&a) && !counts.is_used(&b));
        assert_eq!(counts.subtract([&a, &a, &a]), [a]);
    }
}

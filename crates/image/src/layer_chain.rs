//! Chain ids: the name of a layer together with all beneath it, as Docker reports removed layers. Pure.
//!
//! Source: the OCI image specification, `config.md`.

use crate::digest::Digest;

/// The chain id of each layer, lowest first.
pub(crate) fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chains: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let chain = match chains.last() {
            None => *diff_id,
            Some(beneath) => Digest::of(format!("{beneath} {diff_id}").as_bytes()),
        };
        chains.push(chain);
    }
    chains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_is_its_own_chain() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let chains = chain_ids(&[a, b]);
        assert_eq!(chains, [a, Digest::of(format!("{a} {b}").as_bytes())]);
        assert!(chain_ids(&[]).is_empty());
    }
}

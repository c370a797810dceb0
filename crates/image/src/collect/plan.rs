//! Which images the garbage collector takes. Pure: no clock, no disk.
//!
//! Nameless ones first, then the least recently used. Never one that a container uses, that came or was used a moment
//! ago, that another image that stays was built from, or whose removal would give nothing back because what stays has all
//! of its layers. No more than is needed.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{digest::Digest, usage::Content};

/// The store, as far as a plan needs it.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) images: BTreeMap<Digest, Candidate>,
    /// Bytes on the disk.
    pub(super) sizes: HashMap<Content, u64>,
    /// Content that stays whatever becomes of the images: the layers of containers.
    pub(super) held: HashSet<Content>,
}

/// One image.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    pub(super) last_used_ns: i64,
    /// It has no tag.
    pub(super) is_dangling: bool,
    /// A container uses it, running or not.
    pub(super) is_used: bool,
    pub(super) parent: Option<Digest>,
    pub(super) contents: HashSet<Content>,
}

/// The images to remove, in order, so that `need_bytes` are free; all that may go if that is not enough.
pub(super) fn plan(view: &View, need_bytes: u64, min_age_ns: i64, now_ns: i64) -> Vec<Digest> {
    let may_go =
        |image: &Candidate| !image.is_used && now_ns.saturating_sub(image.last_used_ns) >= min_age_ns;
    let mut order: Vec<(&Digest, &Candidate)> =
        view.images.iter().filter(|(_, image)| may_go(image)).collect();
    order.sort_by_key(|(id, image)| (!image.is_dangling, image.last_used_ns, **id));
    let going: HashSet<Digest> = order.iter().map(|(id, _)| **id).collect();
    let staying: HashSet<&Content> = view
        .images
        .iter()
        .filter(|(id, _)| !going.contains(id))
        .flat_map(|(_, image)| &image.contents)
        .collect();
    let is_layer_free = |content: &Content| {
        matches!(content, Content::Layer(_)) && !staying.contains(content) && !view.held.contains(content)
    };
    order.retain(|(_, image)| {
        let layers = image.contents.iter().any(|content| matches!(content, Content::Layer(_)));
        !layers || image.contents.iter().any(is_layer_free)
    });
    let mut left = view.images.clone();
    let mut chosen = Vec::new();
    while freed(view, &left) < need_bytes {
        let is_parent = |id: &Digest| left.values().any(|other| other.parent == Some(*id));
        let Some(next) = order.iter().position(|(id, _)| !is_parent(id)) else { break };
        let (id, _) = order.remove(next);
        left.remove(id);
        chosen.push(*id);
    }
    spare(view, left, chosen, need_bytes)
}

/// Takes out of a choice that is enough what it is enough without: an image whose layers another that stays has after all.
fn spare(
    view: &View,
    mut left: BTreeMap<Digest, Candidate>,
    mut chosen: Vec<Digest>,
    need_bytes: u64,
) -> Vec<Digest> {
    if freed(view, &left) < need_bytes {
        return chosen;
    }
    for id in chosen.clone().into_iter().rev() {
        let parent_goes = view.images[&id].parent.is_some_and(|parent| chosen.contains(&parent));
        left.insert(id, view.images[&id].clone());
        if !parent_goes && freed(view, &left) >= need_bytes {
            chosen.retain(|other| *other != id);
        } else {
            left.remove(&id);
        }
    }
    chosen
}

/// The bytes that are given back when only `left` of the images stay.
fn freed(view: &View, left: &BTreeMap<Digest, Candidate>) -> u64 {
    let kept: HashSet<&Content> = left.values().flat_map(|image| &image.contents).chain(&view.held).collect();
    let gone: HashSet<&Content> = view
        .images
        .iter()
        .filter(|(id, _)| !left.contains_key(id))
        .flat_map(|(_, image)| &image.contents)
        .filter(|content| !kept.contains(content))
        .collect();
    gone.into_iter().filter_map(|content| view.sizes.get(content)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(number: u8) -> Digest {
        Digest::of(&[number])
    }

    fn layer(number: u8) -> Content {
        Content::Layer(digest(number))
    }

    /// Images by number: last used, layers.
    fn view(images: &[(u8, i64, &[u8])]) -> View {
        let mut view = View::default();
        for (id, last_used_ns, layers) in images {
            let contents: HashSet<Content> = layers.iter().map(|number| layer(*number)).collect();
            view.sizes.extend(contents.iter().map(|content| (*content, 10)));
            let image = Candidate { last_used_ns: *last_used_ns, contents, ..Candidate::default() };
            view.images.insert(digest(*id), image);
        }
        view
    }

    #[test]
    fn the_least_recently_used_goes_first_and_nameless_ones_before() {
        let mut all = view(&[(1, 300, &[1]), (2, 100, &[2]), (3, 200, &[3])]);
        assert_eq!(plan(&all, 10, 0, 1000), [digest(2)]);
        assert_eq!(plan(&all, 11, 0, 1000), [digest(2), digest(3)]);
        all.images.get_mut(&digest(1)).unwrap().is_dangling = true;
        assert_eq!(plan(&all, 1, 0, 1000), [digest(1)]);
        assert_eq!(plan(&all, 1000, 0, 1000).len(), 3);
        assert!(plan(&all, 0, 0, 1000).is_empty());
    }

    #[test]
    fn what_is_used_young_or_of_no_avail_stays() {
        let mut all = view(&[(1, 100, &[1]), (2, 900, &[2]), (3, 50, &[1]), (4, 10, &[4])]);
        all.images.get_mut(&digest(1)).unwrap().is_used = true;
        all.held.insert(layer(4));
        // 1 is used, 3 has only what 1 has, 4 only what a container holds.
        assert_eq!(plan(&all, 100, 0, 1000), [digest(2)]);
        assert!(plan(&all, 100, 500, 1000).is_empty());
    }

    #[test]
    fn children_go_before_their_parents_and_shared_layers_with_the_last() {
        let mut all = view(&[(1, 100, &[1]), (2, 200, &[1, 2]), (3, 300, &[3])]);
        all.images.get_mut(&digest(2)).unwrap().parent = Some(digest(1));
        assert_eq!(plan(&all, 20, 0, 1000), [digest(2), digest(1)]);
        // Once the third went, the first needed not: its layer is the second's too, which stays.
        let all = view(&[(1, 100, &[1]), (2, 300, &[1]), (3, 200, &[3])]);
        assert_eq!(plan(&all, 10, 0, 1000), [digest(3)]);
    }

    fn images() -> impl Strategy<Value = View> {
        let image =
            (0i64..50, any::<bool>(), any::<bool>(), proptest::collection::vec(0u8..12, 0..5), 0u8..16);
        (proptest::collection::vec(image, 0..12), proptest::collection::vec(0u8..12, 0..3)).prop_map(
            |(images, held)| {
                let mut view = View { held: held.into_iter().map(layer).collect(), ..View::default() };
                for (number, (last_used_ns, is_dangling, is_used, layers, parent)) in
                    images.into_iter().enumerate()
                {
                    let number = u8::try_from(number).unwrap();
                    let contents: HashSet<Content> = layers.into_iter().map(layer).collect();
                    view.sizes.extend(contents.iter().map(|content| (*content, 7)));
                    // Built from one that was there before.
                    let parent = (parent < number).then(|| digest(100 + parent));
                    let image = Candidate { last_used_ns, is_dangling, is_used, parent, contents };
                    view.images.insert(digest(100 + number), image);
                }
                view
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_that_must_stay_goes_and_no_more_than_is_needed(all in images(), need in 0u64..60, age in 0i64..20) {
            let now = 50;
            let chosen = plan(&all, need, age, now);
            let mut left = all.images.clone();
            for id in &chosen {
                let image = left.remove(id).expect("each once");
                prop_assert!(!image.is_used && now - image.last_used_ns >= age);
                prop_assert!(!left.values().any(|other| other.parent == Some(*id)), "a parent of what stays");
            }
            if need == 0 {
                prop_assert!(chosen.is_empty());
            }
            if let Some((last, rest)) = chosen.split_last() {
                let mut without: BTreeMap<_, _> = all.images.clone();
                rest.iter().for_each(|id| drop(without.remove(id)));
                let enough = freed(&all, &left) >= need;
                prop_assert!(!enough || freed(&all, &without) < need, "{last} need not go");
            }
        }
    }
}

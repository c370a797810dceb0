//! Sets of small numbers as the kernel writes them: `0-2,4`. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// More processors than the kernel can be built for.
const NUMBER_MAX: u32 = 8191;

/// Numbers of processors, or of memory nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NumberSet(BTreeSet<u32>);

/// The text is not of that form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotASet;

impl NumberSet {
    /// Whether every number of `other` is one of these.
    pub(crate) fn contains_all(&self, other: &NumberSet) -> bool {
        other.0.is_subset(&self.0)
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromStr for NumberSet {
    type Err = NotASet;

    fn from_str(text: &str) -> Result<Self, NotASet> {
        let mut numbers = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= NUMBER_MAX).ok_or(NotASet);
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(NotASet);
            }
            numbers.extend(first..=last);
        }
        Ok(NumberSet(numbers))
    }
}

/// With ranges, as the kernel writes it.
impl fmt::Display for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.0.iter().copied().peekable();
        let mut separator = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if_eq(&(last + 1)) {
                last = next;
            }
            match first == last {
                true => write!(f, "{separator}{first}")?,
                false => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_and_single_numbers() {
        let set: NumberSet = "0-2,4,6-7".parse().unwrap();
        assert_eq!((set.len(), set.to_string().as_str()), (6, "0-2,4,6-7"));
        assert!(set.contains_all(&"1,7".parse().unwrap()));
        assert!(!set.contains_all(&"3".parse().unwrap()));
        for wrong in ["", "x", "2-1", "1-", "-1", "0,,1", "0-4294967295"] {
            assert_eq!(wrong.parse::<NumberSet>(), Err(NotASet), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(numbers in prop::collection::btree_set(0..200u32, 1..50)) {
            let set = NumberSet(numbers);
            prop_assert_eq!(set.to_string().parse::<NumberSet>(), Ok(set));
        }
    }
}

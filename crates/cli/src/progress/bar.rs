//! Docker's bar of fifty places.

/// Places of a full bar.
const PLACES: u64 = 50;

/// `[=====>      ]`; a current beyond the total is full.
pub(crate) fn bar(current: u64, total: u64) -> String {
    let filled = current.saturating_mul(PLACES).checked_div(total).unwrap_or(0).min(PLACES);
    let count = |n: u64| usize::try_from(n).unwrap_or(0);
    let arrow = if filled < PLACES { ">" } else { "=" };
    let spaces = count(PLACES.saturating_sub(filled + 1));
    let equals = count(filled.min(PLACES - 1));
    format!("[{}{arrow}{}]", "=".repeat(equals), " ".repeat(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fills_from_the_left() {
        assert_eq!(bar(0, 10), format!("[>{}]", " ".repeat(49)));
        assert_eq!(bar(5, 10), format!("[{}>{}]", "=".repeat(25), " ".repeat(24)));
        assert_eq!(bar(10, 10), format!("[{}]", "=".repeat(50)));
    }

    proptest! {
        #[test]
        fn is_always_as_wide(current in any::<u64>(), total in any::<u64>()) {
            prop_assert_eq!(bar(current, total).len(), 52);
        }
    }
}

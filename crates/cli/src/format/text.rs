//! Small shapes of text that Docker's tables use.

/// Characters of an id that tables show.
const SHORT_ID: usize = 12;

/// The short form of an id, without its algorithm.
pub(crate) fn short_id(id: &str) -> &str {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..SHORT_ID).unwrap_or(hex)
}

/// At most `limit` characters, the last of them `…` if something was cut.
pub(crate) fn ellipsis(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Text of the daemon or of a container for a line on a terminal: control characters, which could drive the terminal,
/// become spaces.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_cleans() {
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("abc"), "abc");
        assert_eq!(ellipsis("hello world", 8), "hello w…");
        assert_eq!(ellipsis("hello", 5), "hello");
        assert_eq!(plain("a\u{1b}[2Jb"), "a [2Jb");
    }
}

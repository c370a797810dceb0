//! Aligns columns the way Docker's tables are aligned (Go's text/tabwriter, minimum width 10, padding 3).
//!
//! In: lines with tab-ended cells. Out: the same lines with spaces. The last cell of a line belongs to no column.

/// The narrowest column of lists, padding included.
pub(crate) const MIN_WIDTH: usize = 10;
/// Spaces after the widest cell of a column.
const PADDING: usize = 3;

/// Aligns the cells of `text` in columns at least `least` wide.
pub(crate) fn align(text: &str, least: usize) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let widths = widths(&lines, least);
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(column) {
                out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
            }
        }
        out.push('\n');
    }
    out
}

/// The width of each tab-ended cell. A column reaches over all neighbouring lines that have it.
fn widths(lines: &[Vec<&str>], least: usize) -> Vec<Vec<usize>> {
    let mut widths: Vec<Vec<usize>> =
        lines.iter().map(|cells| vec![0; cells.len().saturating_sub(1)]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut row = 0;
        while row < lines.len() {
            let length = widths[row..].iter().take_while(|w| w.len() > column).count();
            let block = &lines[row..row + length];
            let widest = block.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
            for width in &mut widths[row..row + length] {
                width[column] = least.max(widest + PADDING);
            }
            row += length.max(1);
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn looks_like_docker_ps() {
        let got = align("CONTAINER ID\tIMAGE\tNAMES\nabc\tbusybox:latest\tx\n", MIN_WIDTH);
        assert_eq!(got, "CONTAINER ID   IMAGE            NAMES\nabc            busybox:latest   x\n");
    }

    #[test]
    fn a_narrow_column_is_ten_wide_and_an_interrupted_one_starts_anew() {
        assert_eq!(align("A\tB\n", MIN_WIDTH), "A         B\n");
        assert_eq!(
            align("aaaaaaaaaaaaa\tB\nplain\nA\tB\n", MIN_WIDTH),
            "aaaaaaaaaaaaa   B\nplain\nA         B\n"
        );
    }

    proptest! {
        #[test]
        fn columns_stand_beneath_each_other(rows in prop::collection::vec(("[a-zé]{0,20}", "[a-z]{1,20}"), 1..20)) {
            let text: String = rows.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
            let out = align(&text, MIN_WIDTH);
            let starts: std::collections::HashSet<usize> = out.lines().zip(&rows)
                .map(|(line, (_, b))| line.chars().count() - b.chars().count()).collect();
            prop_assert_eq!(starts.len(), 1);
        }
    }
}

//! Columns for people. On a terminal they have colours; `say` takes those away anywhere else.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use composio_router::text::is_hidden;
use unicode_width::UnicodeWidthStr as _;

const HEAD: Style = Style::new().bold();
const NAME: Style = AnsiColor::Cyan.on_default();
const PLAIN: Style = Style::new();
/// What is well.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Rows as lines, each column as wide as its widest cell. The first column names what a row is about.
pub(super) fn lines<const N: usize>(rows: &[[String; N]]) -> String {
    styled(rows, |_, column| if column == 0 { NAME } else { PLAIN })
}

/// The same with the columns' names in the first row.
pub(super) fn headed<const N: usize>(rows: &[[String; N]]) -> String {
    styled(rows, |row, column| match (row, column) {
        (0, _) => HEAD,
        (_, 0) => NAME,
        _ => PLAIN,
    })
}

/// The same with a style for each cell, by its row and column.
pub(super) fn styled<const N: usize>(rows: &[[String; N]], style: impl Fn(usize, usize) -> Style) -> String {
    let rows: Vec<[Cow<'_, str>; N]> = rows.iter().map(|row| row.each_ref().map(|cell| harmless(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        // Nothing stands right of the last cell that has something.
        let last = row.iter().rposition(|cell| !cell.is_empty());
        for (column, (cell, width)) in row.iter().zip(widths).enumerate().take(last.map_or(0, |last| last + 1)) {
            let style = style(index, column);
            let gap = if Some(column) == last { 0 } else { width - cell.width() + 2 };
            text.push_str(&format!("{style}{cell}{style:#}{:gap$}", ""));
        }
        text.push('\n');
    }
    text
}

/// A text of others, such as an MCP server's, without what a terminal would obey or would not show.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c == '\t' || is_hidden(c);
    if text.contains(obeyed) { text.replace(obeyed, " ").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["a", "bb", ""], ["ccc", "", ""], ["日本", "d", "e"]].map(|row| row.map(str::to_owned));
        assert_eq!(plain(&lines(&rows)), "a     bb\nccc\n日本  d   e\n");
        assert_eq!(plain(&headed(&rows)), plain(&lines(&rows)));
    }

    #[test]
    fn a_cell_commands_no_terminal() {
        let text = lines(&[["\u{1b}[2Jgone\u{7}\u{202e}\u{e0041}\u{200b}".to_owned()]]);
        assert!(
            text.contains(" [2Jgone ") && !text.contains(['\u{7}', '\u{202e}', '\u{e0041}', '\u{200b}']),
            "{text:?}"
        );
    }
}

//! Text in cells: what fits, how wide it is, where it breaks. Names are wide (CJK, emoji), combined, or written from the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// How things look. Nothing is told by colour alone, and there may be none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    /// False with `NO_COLOR`.
    pub(crate) colour: bool,
}

impl Palette {
    fn coloured(self, style: Style, colour: Color) -> Style {
        match self.colour {
            true => style.fg(colour),
            false => style,
        }
    }

    pub(crate) fn blocked(self) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        self.coloured(bold, Color::Red)
    }

    pub(crate) fn own(self) -> Style {
        self.coloured(Style::new(), Color::Cyan)
    }

    pub(crate) fn good(self) -> Style {
        self.coloured(Style::new(), Color::Green)
    }

    pub(crate) fn trouble(self) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        self.coloured(bold, Color::Yellow)
    }

    pub(crate) fn quiet() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(crate) fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn turned() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

/// Cells that a text takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Writes what fits into `room` cells from (x, y), with `…` where something is left out. Gives the column after it.
pub(crate) fn put(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    room: u16,
    text: &str,
    style: Style,
) -> u16 {
    let area = buffer.area;
    if y >= area.bottom() || x >= area.right() || room == 0 {
        return x;
    }
    let room = room.min(area.right() - x);
    if width(text) <= usize::from(room) {
        return buffer.set_stringn(x, y, text, usize::from(room), style).0;
    }
    let (x, _) = buffer.set_stringn(x, y, text, usize::from(room - 1), style);
    buffer.set_stringn(x, y, "…", 1, style).0
}

/// Writes pieces one after the other, two blanks between them, while there is room.
pub(crate) fn put_all(buffer: &mut Buffer, area: Rect, pieces: &[(String, Style)]) {
    let mut x = area.x;
    for (text, style) in pieces.iter().filter(|(text, _)| !text.is_empty()) {
        if x > area.x {
            x += 2;
        }
        if x >= area.right() {
            return;
        }
        x = put(buffer, (x, area.y), area.right() - x, text, *style);
    }
}

/// The text in lines of at most `room` cells, broken at blanks where there are some; later lines are set in.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    const SET_IN: &str = "    ";
    let set_in = if room > 4 * SET_IN.len() { SET_IN } else { "" };
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for part in text.split_inclusive(' ') {
        let wide = width(part.trim_end());
        // A word that is too long for any line is broken where it stands.
        if used + wide > room && used > width(set_in) && wide + width(set_in) <= room {
            lines.push(std::mem::replace(&mut line, set_in.to_owned()));
            used = width(set_in);
        }
        for grapheme in Span::raw(part).styled_graphemes(Style::new()) {
            let wide = width(grapheme.symbol);
            if used + wide > room && grapheme.symbol == " " {
                continue;
            }
            if used + wide > room && used > width(set_in) {
                lines.push(std::mem::replace(&mut line, set_in.to_owned()));
                used = width(set_in);
            }
            line.push_str(grapheme.symbol);
            used += wide;
        }
    }
    if !line.trim().is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A time span for people: `59:48`, `1:03:07`.
pub(crate) fn clock(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_in_a_sign_and_never_in_half_a_character() {
        for (text, room, shown) in [
            ("Bob", 5, "Bob  "),
            ("Mallory", 5, "Mall…"),
            ("你好世界", 5, "你好…"),
            ("你好世界", 4, "你… "),
            ("👩‍👩‍👧x", 3, "👩‍👩‍👧x"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("שלום", 4, "שלום"),
        ] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, room, 1));
            put(&mut buffer, (0, 0), room, text, Style::new());
            let mut seen = String::new();
            let mut x = 0;
            while x < room {
                let symbol = buffer[(x, 0)].symbol();
                seen.push_str(symbol);
                x += u16::try_from(width(symbol).max(1)).unwrap();
            }
            assert_eq!(seen, shown, "{text:?} in {room}");
        }
    }

    #[test]
    fn long_texts_break_at_blanks_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("你好世界", 5), ["你好", "世界"]);
        assert_eq!(wrap("", 5), [""]);
        for room in 1..40 {
            for line in wrap("aa 你好世界你好世界 bbbbbbbbbbbbbbbbbbbbbbbbbbbb c", room) {
                assert!(width(&line) <= room.max(2), "{line:?} in {room}");
            }
        }
    }

    #[test]
    fn times_are_those_of_a_clock() {
        let clock = |seconds| clock(std::time::Duration::from_secs(seconds));
        assert_eq!(
            [clock(0), clock(61), clock(3787)],
            ["0:00", "1:01", "1:03:07"]
        );
    }
}

//! Titles of sessions that nobody has named.

/// Most characters of a title that is made.
pub const MAX_CHARS: usize = 60;

/// Begins the block that names a message's files; what a person wrote stands before it.
const FILES_BLOCK: &str = "[Attached files]";

/// What a title can be made of: a person's own words, without the block of files.
#[must_use]
pub fn own_words(message: &str) -> &str {
    message
        .find(FILES_BLOCK)
        .and_then(|end| message.get(..end))
        .unwrap_or(message)
}

/// The first line of `text` that says something: blanks collapsed, no control characters, cut
/// at a word where that leaves at least half; none: no line does.
#[must_use]
pub fn first_line(text: &str) -> Option<String> {
    text.lines()
        .map(one_line)
        .find(|line| !line.is_empty())
        .map(cut)
}

/// The title in what a model wrote: without a label, marks or quotes around it; none: there
/// is no letter or digit in it.
#[must_use]
pub fn of_reply(reply: &str) -> Option<String> {
    let line = first_line(reply)?;
    let unlabelled = line
        .split_once(':')
        .filter(|(label, _)| label.trim_matches(is_mark).eq_ignore_ascii_case("title"))
        .map_or(line.as_str(), |(_, title)| title);
    let title = unlabelled.trim_matches(is_mark);
    title
        .chars()
        .any(char::is_alphanumeric)
        .then(|| title.to_owned())
}

fn is_mark(mark: char) -> bool {
    mark.is_whitespace()
        || matches!(
            mark,
            '"' | '\'' | '`' | '*' | '#' | '_' | '“' | '”' | '„' | '«' | '»'
        )
}

fn one_line(line: &str) -> String {
    let printable: String = line
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(line: String) -> String {
    let Some((end, _)) = line.char_indices().nth(MAX_CHARS) else {
        return line;
    };
    let (head, rest) = line.split_at(end);
    if rest.starts_with(' ') {
        return head.to_owned();
    }
    head.rsplit_once(' ')
        .map(|(words, _)| words)
        .filter(|words| words.chars().count() >= MAX_CHARS / 2)
        .unwrap_or(head)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_without_blanks_and_controls() {
        assert_eq!(
            first_line("\n \t\n  How\u{7} do\t I   resume?  \nSecond").as_deref(),
            Some("How do I resume?")
        );
        assert_eq!(first_line(" \n\u{1b}\n"), None);
    }

    #[test]
    fn a_long_line_is_cut_at_a_word_by_characters() {
        let words = "größer ".repeat(20);
        let title = first_line(&words).unwrap();
        assert_eq!(title, "größer ".repeat(8).trim_end());
        assert_eq!(first_line(&"ü".repeat(61)).unwrap(), "ü".repeat(60));
        assert_eq!(first_line(&"ü".repeat(60)).unwrap(), "ü".repeat(60));
        let exact = format!("{} more", "x".repeat(60));
        assert_eq!(first_line(&exact).unwrap(), "x".repeat(60));
        let late = format!("a {}", "x".repeat(80));
        assert_eq!(first_line(&late).unwrap().chars().count(), 60);
    }

    #[test]
    fn files_are_no_words() {
        assert_eq!(first_line(own_words("[Attached files]\n- a.txt")), None);
        assert_eq!(
            own_words("Sum it up\n\n[Attached files]\n- a.txt").trim(),
            "Sum it up"
        );
    }

    #[test]
    fn a_models_title_is_freed_of_what_models_put_around_it() {
        for reply in [
            "Resuming streams",
            "\"Resuming streams\"",
            "**Title:** Resuming streams",
            "\n# Resuming streams\nI hope this helps!",
        ] {
            assert_eq!(
                of_reply(reply).as_deref(),
                Some("Resuming streams"),
                "{reply}"
            );
        }
        for nonsense in ["", "  \n", "\"\"", "***"] {
            assert_eq!(of_reply(nonsense), None, "{nonsense}");
        }
    }
}

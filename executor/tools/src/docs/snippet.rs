//! The part of a section that shows why it was found.

use super::words;

/// The most characters of a snippet.
pub(super) const LONGEST: usize = 200;

/// At most [`LONGEST`] characters of `body`, in plain text, where the words of `query` are densest.
pub(super) fn of(body: &str, query: &[String]) -> String {
    let text: Vec<char> = plain(body).chars().collect();
    if text.len() <= LONGEST {
        return text.into_iter().collect();
    }
    let hits = hits(&text, query);
    let start = best_start(&text, &hits);
    cut(&text, start)
}

/// Markdown without what only a renderer needs.
fn plain(body: &str) -> String {
    let lines = body
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("```") && !line.starts_with("~~~") && !is_rule(line));
    let text: Vec<String> = lines.map(plain_line).collect();
    text.join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The line between a table's head and its rows.
fn is_rule(line: &str) -> bool {
    !line.is_empty()
        && line
            .chars()
            .all(|character| matches!(character, '|' | '-' | ':' | ' '))
}

fn plain_line(line: &str) -> String {
    let line = line
        .trim_start_matches(['-', '*', '>', ' '])
        .replace("**", "")
        .replace('`', "");
    let cells: Vec<&str> = line
        .trim_matches('|')
        .split(" | ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    if line.starts_with('|') {
        format!("{}.", cells.join(", "))
    } else {
        line
    }
}

/// Where words of the query begin, and which of them.
fn hits(text: &[char], query: &[String]) -> Vec<(usize, usize)> {
    let mut hits = Vec::new();
    let mut at = 0;
    for piece in text.split_inclusive(|character| !character.is_alphanumeric() && *character != '_')
    {
        let word: String = piece.iter().collect();
        let found = words::of(&word)
            .iter()
            .find_map(|word| query.iter().position(|wanted| wanted == word));
        hits.extend(found.map(|which| (at, which)));
        at += piece.len();
    }
    hits
}

/// The start of the window with most different words of the query, a little before the first.
fn best_start(text: &[char], hits: &[(usize, usize)]) -> usize {
    let window = LONGEST - 40;
    let different = |from: usize| {
        let mut seen: Vec<usize> = hits
            .iter()
            .filter(|(at, _)| (from..from + window).contains(at))
            .map(|(_, which)| *which)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    let best = hits
        .iter()
        .map(|(at, _)| *at)
        .max_by_key(|at| (different(*at), std::cmp::Reverse(*at)))
        .unwrap_or(0);
    let latest = text.len().saturating_sub(LONGEST - 2);
    best.saturating_sub(30).min(latest)
}

/// From the first whole word at or after `start`, marked where something was left out.
fn cut(text: &[char], start: usize) -> String {
    let begin = if start == 0 {
        0
    } else {
        next_word(text, start)
    };
    let room = LONGEST - 2 * usize::from(begin > 0);
    let rest = text.get(begin..).unwrap_or_default();
    let front = if begin > 0 { "… " } else { "" };
    if rest.len() <= room {
        return format!("{front}{}", rest.iter().collect::<String>());
    }
    let kept = rest.get(..room.saturating_sub(2)).unwrap_or_default();
    let end = kept
        .iter()
        .rposition(|character| *character == ' ')
        .unwrap_or(kept.len());
    format!("{front}{} …", kept.iter().take(end).collect::<String>())
}

fn next_word(text: &[char], start: usize) -> usize {
    let from = start.saturating_sub(1);
    text.iter()
        .skip(from)
        .position(|character| *character == ' ')
        .map_or(start, |space| from + space + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_section_is_shown_whole_without_its_marks() {
        let body = "\n- **Same** `page`:\n\n| a | b |\n|---|---|\n| c | d |\n```sh\nrun\n```\n";
        assert_eq!(of(body, &[]), "Same page: a, b. c, d. run");
    }

    #[test]
    fn a_long_one_is_cut_to_where_the_words_are() {
        let body = format!(
            "{} the needle and the thread are here {}",
            "hay ".repeat(200),
            "straw ".repeat(200)
        );
        let snippet = of(&body, &words::of("needle thread"));
        assert!(snippet.contains("needle and the thread"), "{snippet}");
        assert!(snippet.chars().count() <= LONGEST);
        assert!(
            snippet.starts_with("… hay") && snippet.ends_with("straw …"),
            "{snippet}"
        );
        assert!(of(&body, &[]).starts_with("hay hay"));
        assert!(of(&"é".repeat(900), &[]).chars().count() <= LONGEST);
    }
}

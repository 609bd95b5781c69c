//! The built-in provider's sentences about what tools returned.

use serde_json::Value;
use std::fmt::Write as _;

/// The most characters of a result that are shown as they are.
const LONGEST_QUOTE: usize = 2_000;

pub(super) const WHAT_I_CAN_DO: &str = "You can:\n\n\
    - ask about this product in words that its documentation uses, such as \"How do I resume a stream?\"\n\
    - call a tool yourself: `/tool search_docs {\"query\": \"settings\"}`\n\
    - set `OPENAI_API_KEY` (and `OPENAI_BASE_URL`) and start again, and a real model answers";

/// Says what came out of the turn's calls.
pub(super) fn of_results(results: &[(&str, &str)], is_search: bool) -> String {
    let sentences: Vec<String> = results
        .iter()
        .map(|(tool, content)| {
            let result: Value = serde_json::from_str(content)
                .unwrap_or_else(|_| Value::String((*content).to_owned()));
            of_result(tool, &result, is_search)
        })
        .collect();
    sentences.join("\n\n")
}

fn of_result(tool: &str, result: &Value, is_search: bool) -> String {
    let message = text(result, "message");
    match result.get("type").and_then(Value::as_str) {
        Some("doc_search_results") => of_search(result),
        Some("no_results") => of_nothing(result, is_search),
        Some("doc_page") => {
            let (title, path) = (text(result, "title"), text(result, "path"));
            format!(
                "**{title}** (`{path}`)\n\n{}",
                shortened(text(result, "content"))
            )
        }
        Some("error") => format!("`{tool}` failed: {message}"),
        Some(_) => format!("`{tool}` returned: {message}\n\n{}", quoted(result)),
        None => match result.get("error").and_then(Value::as_str) {
            Some(error) => format!("`{tool}` failed: {error}"),
            None => format!("`{tool}` returned:\n\n{}", quoted(result)),
        },
    }
}

fn of_search(result: &Value) -> String {
    let found = result
        .get("results")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut answer = match found.len() {
        1 => "I found this:\n".to_owned(),
        count => format!("I found {count} places, the best one first:\n"),
    };
    for place in found {
        let (title, section, path) = (
            text(place, "title"),
            text(place, "section"),
            text(place, "path"),
        );
        let heading = if section.is_empty() || section == title {
            title.to_owned()
        } else {
            format!("{title}: {section}")
        };
        let snippet = text(place, "snippet");
        // Writing into a string cannot fail.
        let _ = write!(answer, "\n**{heading}** (`{path}`)\n> {snippet}\n");
    }
    if let Some(path) = found.first().map(|place| text(place, "path")) {
        let _ = write!(
            answer,
            "\nTo read a whole page: `/tool get_doc_page {{\"path\": \"{path}\"}}`"
        );
    }
    answer
}

fn of_nothing(result: &Value, is_search: bool) -> String {
    let mut answer = "I found nothing about that in the documentation.\n".to_owned();
    let suggestions = result
        .get("suggestions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for suggestion in suggestions.iter().filter_map(Value::as_str) {
        let _ = write!(answer, "\n- {suggestion}");
    }
    if is_search {
        let _ = write!(answer, "\n\n{WHAT_I_CAN_DO}");
    }
    answer
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn quoted(result: &Value) -> String {
    let json = serde_json::to_string_pretty(result).unwrap_or_default();
    format!("```json\n{}\n```", shortened(&json))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}\n…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

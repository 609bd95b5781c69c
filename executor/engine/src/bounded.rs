//! Keeps what tools give back within bounds, as valid JSON.

use serde_json::Value;

/// The most characters of a tool's result, on the wire and to the model.
pub(crate) const LONGEST_OUTPUT: usize = 100_000;

/// The most characters of a tool's error.
const LONGEST_ERROR: usize = 4_000;

/// Room for the note where something was cut.
const NOTE: usize = 60;

/// `output` with at most [`LONGEST_OUTPUT`] characters: its longest strings are cut in the middle.
pub(crate) fn output(output: Value) -> Value {
    within(output, LONGEST_OUTPUT)
}

/// An error text of bounded length.
pub(crate) fn error(text: &str) -> String {
    cut(text, LONGEST_ERROR)
}

fn within(mut output: Value, limit: usize) -> Value {
    // Escapes make a string longer in JSON than it is; each round measures what came out.
    let mut budget = limit;
    for _ in 0..8 {
        let size = written(&output);
        if size <= limit {
            return output;
        }
        let excess = size - limit;
        let mut lengths = Vec::new();
        visit(&mut output, &mut |text| lengths.push(text.chars().count()));
        let level = level_for(&mut lengths, excess).min(budget);
        budget = level / 2;
        visit(&mut output, &mut |text| {
            if text.chars().count() > level {
                *text = cut(text, level);
            }
        });
    }
    if written(&output) <= limit {
        return output;
    }
    serde_json::json!({
        "type": "error",
        "message": "The result is too long to be shown. Ask for less.",
        "session_id": output.get("session_id").cloned().unwrap_or(Value::Null),
        "error": "result_too_long",
        "details": null,
    })
}

fn written(value: &Value) -> usize {
    value.to_string().chars().count()
}

/// The length to which the longest strings must be cut so that `excess` characters go.
fn level_for(lengths: &mut [usize], excess: usize) -> usize {
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let mut gone = 0;
    for (place, length) in lengths.iter().enumerate() {
        let next = lengths.get(place + 1).copied().unwrap_or(0);
        let count = place + 1;
        let possible = gone + (length - next) * count;
        if possible >= excess {
            let rest = (excess - gone).div_ceil(count);
            return length - rest;
        }
        gone = possible;
    }
    0
}

fn visit(value: &mut Value, action: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => action(text),
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, action)),
        Value::Object(fields) => fields.values_mut().for_each(|field| visit(field, action)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `text` with its middle taken out, note included not longer than `limit`.
fn cut(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let kept = limit.saturating_sub(NOTE);
    let front: String = text.chars().take(kept.div_ceil(2)).collect();
    let back: String = text.chars().skip(length - kept / 2).collect();
    let note = format!("\n[… {} characters cut …]\n", length - kept);
    if limit < NOTE {
        note.chars().take(limit).collect()
    } else {
        format!("{front}{note}{back}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn only_the_longest_strings_are_cut_and_in_the_middle() {
        let long = format!("start{}end", "x".repeat(150_000));
        let bounded = output(json!({"type": "doc_page", "title": "kept", "content": long}));
        assert!(written(&bounded) <= LONGEST_OUTPUT);
        assert!(written(&bounded) > LONGEST_OUTPUT - 200);
        assert_eq!(bounded["title"], "kept");
        let content = bounded["content"].as_str().unwrap();
        assert!(content.starts_with("start") && content.ends_with("end"));
        assert!(content.contains("characters cut"));
    }

    #[test]
    fn a_result_that_no_cut_makes_short_becomes_an_error() {
        let bounded = output(json!({"numbers": vec![123_456; 50_000]}));
        assert_eq!(bounded["type"], "error");
    }

    proptest! {
        #[test]
        fn the_limit_holds_for_any_strings(strings in prop::collection::vec("[a-z\n\"€]{0,400}", 0..12)) {
            let value = json!({"strings": strings});
            let before = written(&value);
            let after = within(value.clone(), 600);
            prop_assert!(written(&after) <= 600 || after["type"] == "error");
            if before <= 600 {
                prop_assert_eq!(after, value);
            }
        }
    }
}

//! Reads JSON that has not ended yet, exactly as `fixJson` of `ai@5.0.0` does: what a tool's input
//! looks like while it streams in.

use serde_json::Value;

/// The value of `text`, mended if it is cut; none if that is impossible.
pub fn parse_partial_json(text: &str) -> Option<Value> {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&mend(text)))
        .ok()
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Root,
    Finish,
    String,
    StringEscape,
    Literal,
    Number,
    ObjectStart,
    ObjectKey,
    ObjectAfterKey,
    ObjectBeforeValue,
    ObjectAfterValue,
    ObjectAfterComma,
    ArrayStart,
    ArrayAfterValue,
    ArrayAfterComma,
}

const LITERALS: [&str; 3] = ["true", "false", "null"];

/// `text` up to its last sensible character, with what is open closed.
fn mend(text: &str) -> String {
    let mut scan = Scan {
        stack: vec![State::Root],
        valid: 0,
        literal: 0,
    };
    for (at, character) in text.char_indices() {
        scan.read(text, at, character);
    }
    let mut mended = text[..scan.valid].to_owned();
    for state in scan.stack.iter().rev() {
        match state {
            State::String => mended.push('"'),
            State::ObjectStart
            | State::ObjectKey
            | State::ObjectAfterKey
            | State::ObjectBeforeValue
            | State::ObjectAfterValue
            | State::ObjectAfterComma => mended.push('}'),
            State::ArrayStart | State::ArrayAfterValue | State::ArrayAfterComma => mended.push(']'),
            State::Literal => {
                let begun = &text[scan.literal..];
                let whole = LITERALS.iter().find(|whole| whole.starts_with(begun));
                mended.push_str(whole.map_or("", |whole| &whole[begun.len()..]));
            }
            State::Root | State::Finish | State::StringEscape | State::Number => {}
        }
    }
    mended
}

struct Scan {
    stack: Vec<State>,
    /// The length of the text up to the last sensible character.
    valid: usize,
    /// Where the literal began.
    literal: usize,
}

impl Scan {
    fn read(&mut self, text: &str, at: usize, character: char) {
        let end = at + character.len_utf8();
        let Some(state) = self.stack.last().copied() else {
            return;
        };
        match (state, character) {
            (State::Root, _) => self.value(at, character, State::Finish),
            (State::ObjectStart | State::ObjectAfterComma, '"') => self.swap(State::ObjectKey),
            (State::ObjectStart, '}')
            | (State::ArrayStart | State::ArrayAfterValue, ']')
            | (State::String, '"')
            | (State::StringEscape, _) => self.close(end),
            (State::ObjectKey, '"') => self.swap(State::ObjectAfterKey),
            (State::ObjectAfterKey, ':') => self.swap(State::ObjectBeforeValue),
            (State::ObjectBeforeValue, _) => self.value(at, character, State::ObjectAfterValue),
            (State::ObjectAfterValue, _) => self.after_object_value(end, character),
            (State::String, '\\') => self.stack.push(State::StringEscape),
            (State::ArrayStart, _) => {
                self.valid = end;
                self.value(at, character, State::ArrayAfterValue);
            }
            (State::ArrayAfterValue, ',') => self.swap(State::ArrayAfterComma),
            (State::String | State::ArrayAfterValue, _) => self.valid = end,
            (State::ArrayAfterComma, _) => self.value(at, character, State::ArrayAfterValue),
            (State::Number, _) => self.number(end, character),
            (State::Literal, _) => self.read_literal(text, end, character),
            (
                State::Finish
                | State::ObjectStart
                | State::ObjectKey
                | State::ObjectAfterKey
                | State::ObjectAfterComma,
                _,
            ) => {}
        }
    }

    fn value(&mut self, at: usize, character: char, after: State) {
        let inside = match character {
            '"' => State::String,
            'f' | 't' | 'n' => {
                self.literal = at;
                State::Literal
            }
            '-' | '0'..='9' => State::Number,
            '{' => State::ObjectStart,
            '[' => State::ArrayStart,
            _ => return,
        };
        if character != '-' {
            self.valid = at + character.len_utf8();
        }
        self.swap(after);
        self.stack.push(inside);
    }

    fn number(&mut self, end: usize, character: char) {
        match character {
            '0'..='9' => self.valid = end,
            'e' | 'E' | '-' | '.' => {}
            ',' | '}' | ']' => {
                self.stack.pop();
                self.after_value(end, character);
            }
            _ => {
                self.stack.pop();
            }
        }
    }

    fn read_literal(&mut self, text: &str, end: usize, character: char) {
        let begun = &text[self.literal..end];
        if LITERALS.iter().any(|whole| whole.starts_with(begun)) {
            self.valid = end;
        } else {
            self.stack.pop();
            self.after_value(end, character);
        }
    }

    fn after_value(&mut self, end: usize, character: char) {
        match self.stack.last() {
            Some(State::ObjectAfterValue) => self.after_object_value(end, character),
            Some(State::ArrayAfterValue) => self.after_array_value(end, character),
            _ => {}
        }
    }

    fn after_object_value(&mut self, end: usize, character: char) {
        match character {
            ',' => self.swap(State::ObjectAfterComma),
            '}' => self.close(end),
            _ => {}
        }
    }

    fn after_array_value(&mut self, end: usize, character: char) {
        match character {
            ',' => self.swap(State::ArrayAfterComma),
            ']' => self.close(end),
            _ => {}
        }
    }

    fn swap(&mut self, state: State) {
        self.stack.pop();
        self.stack.push(state);
    }

    fn close(&mut self, end: usize) {
        self.valid = end;
        self.stack.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cut_json_is_mended_as_the_client_mends_it() {
        let cases = [
            ("{", Some(json!({}))),
            (r#"{"a"#, Some(json!({}))),
            (r#"{"a":"#, Some(json!({}))),
            (r#"{"a":"x"#, Some(json!({"a": "x"}))),
            (r#"{"a":"x\"#, Some(json!({"a": "x"}))),
            (r#"{"a":tr"#, Some(json!({"a": true}))),
            (r#"{"a":1."#, Some(json!({"a": 1}))),
            (r#"{"a":-"#, Some(json!({}))),
            (r#"{"a":[1,{"b":"ü"#, Some(json!({"a": [1, {"b": "ü"}]}))),
            (r#"{"a":1,"#, Some(json!({"a": 1}))),
            (r#"{"a":null,"b":[]}"#, Some(json!({"a": null, "b": []}))),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_partial_json(text), expected, "{text}");
        }
    }

    #[test]
    fn every_beginning_of_an_object_gives_an_object() {
        let text =
            json!({"query": "a \"b\" \\ ü", "n": [1, 2.5, {"t": true}], "z": null}).to_string();
        for (cut, _) in text.char_indices().skip(1) {
            let value = parse_partial_json(&text[..cut]);
            assert!(
                value.is_some_and(|value| value.is_object()),
                "{}",
                &text[..cut]
            );
        }
    }
}

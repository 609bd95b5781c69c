//! The server's events, out of the bytes of a response.

use serde_json::Value;

/// One event.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    /// An event with its cursor, if it has one.
    Event { id: Option<String>, event: Value },
    /// `[DONE]`.
    Done,
}

/// Takes bytes in as they come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    /// The events that are whole now. Comments and what is no JSON are passed over.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Item> {
        self.rest.extend_from_slice(bytes);
        let mut items = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            items.extend(item(&String::from_utf8_lossy(&block)));
        }
        items
    }
}

fn item(block: &str) -> Option<Item> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    let data = field("data")?;
    if data == "[DONE]" {
        return Some(Item::Done);
    }
    Some(Item::Event {
        id: field("id").map(str::to_owned),
        event: serde_json::from_str(data).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_whole_wherever_the_bytes_are_cut() {
        let bytes = ": hello\n\nid: a.1\ndata: {\"type\":\"text-delta\",\"delta\":\"é\"}\n\n\
                     data: {\"type\":\"x\"}\n\ndata: [DONE]\n\n"
            .as_bytes();
        let whole = Reader::default().take(bytes);
        assert_eq!(
            whole,
            [
                Item::Event {
                    id: Some("a.1".to_owned()),
                    event: json!({"type": "text-delta", "delta": "é"}),
                },
                Item::Event {
                    id: None,
                    event: json!({"type": "x"}),
                },
                Item::Done,
            ]
        );
        for cut in 0..bytes.len() {
            let mut reader = Reader::default();
            let (head, rest) = bytes.split_at(cut);
            let mut items = reader.take(head);
            items.extend(reader.take(rest));
            assert_eq!(items, whole, "cut at {cut}");
        }
    }
}

//! A parser for `text/event-stream`, exact to the byte: it drops nothing, comments included.

/// Reads bytes as they come and gives the lines' meaning.
#[derive(Debug, Default)]
pub struct SseParser {
    buffer: Vec<u8>,
    at_start: AtStart,
    after_cr: bool,
    id: Option<String>,
    event: Option<String>,
    data: Vec<String>,
    has_fields: bool,
}

/// Whether a byte order mark may still come.
#[derive(Debug, Default, PartialEq)]
enum AtStart {
    #[default]
    Yes,
    No,
}

/// One thing in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SseItem {
    /// A line that begins with a colon: all behind it, padding included.
    Comment(String),
    /// Lines up to an empty one.
    Event(SseEvent),
    /// `retry:` in milliseconds.
    Retry(u64),
}

/// An event as it was sent: `id` is that of this very event, not the last one seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `id` field, if this event has one.
    pub id: Option<String>,
    /// The `event` field.
    pub event: Option<String>,
    /// All `data` lines, joined by line feeds.
    pub data: String,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl SseParser {
    /// Read more bytes.
    ///
    /// # Panics
    /// On a line that is no UTF-8, and on a field that the format does not know.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<SseItem> {
        self.buffer.extend_from_slice(bytes);
        let mut items = Vec::new();
        while let Some(line) = self.next_line() {
            items.extend(self.read_line(&line));
        }
        items
    }

    /// Whether an event or line has begun and not ended: after the last byte, half an event.
    pub fn is_inside(&self) -> bool {
        !self.buffer.is_empty() || self.has_fields
    }

    fn next_line(&mut self) -> Option<String> {
        if self.after_cr && self.buffer.first() == Some(&b'\n') {
            self.buffer.remove(0);
        }
        if !self.buffer.is_empty() {
            self.after_cr = false;
        }
        if self.at_start == AtStart::Yes {
            if self.buffer.len() < 3 && BYTE_ORDER_MARK.starts_with(&self.buffer) {
                return None;
            }
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..3);
            }
            self.at_start = AtStart::No;
        }
        let end = self
            .buffer
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))?;
        self.after_cr = self.buffer[end] == b'\r';
        let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
        line.pop();
        Some(String::from_utf8(line).expect("a line of an event stream is UTF-8"))
    }

    fn read_line(&mut self, line: &str) -> Option<SseItem> {
        if line.is_empty() {
            return self.end_event();
        }
        if let Some(comment) = line.strip_prefix(':') {
            return Some(SseItem::Comment(comment.to_owned()));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.data.push(value.to_owned()),
            "id" => self.id = Some(value.to_owned()),
            "event" => self.event = Some(value.to_owned()),
            "retry" => return value.parse().ok().map(SseItem::Retry),
            unknown => panic!("no field of an event stream: {unknown:?}"),
        }
        self.has_fields = true;
        None
    }

    fn end_event(&mut self) -> Option<SseItem> {
        let had_fields = std::mem::take(&mut self.has_fields);
        let event = SseEvent {
            id: self.id.take(),
            event: self.event.take(),
            data: std::mem::take(&mut self.data).join("\n"),
        };
        had_fields.then_some(SseItem::Event(event))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "\u{FEFF}:  padded  \n\nid: a-1\ndata: {\"x\":\"ü€\"}\n\n\
        : heartbeat\r\n\r\nid:b\r\nevent: kind\r\ndata: one\r\ndata:two\r\n\r\n\
        retry: 10\n\ndata\n\ndata: [DONE]\r\rid: half";

    fn expected() -> Vec<SseItem> {
        let event = |id: Option<&str>, kind: Option<&str>, data: &str| {
            SseItem::Event(SseEvent {
                id: id.map(str::to_owned),
                event: kind.map(str::to_owned),
                data: data.to_owned(),
            })
        };
        vec![
            SseItem::Comment("  padded  ".to_owned()),
            event(Some("a-1"), None, "{\"x\":\"ü€\"}"),
            SseItem::Comment(" heartbeat".to_owned()),
            event(Some("b"), Some("kind"), "one\ntwo"),
            SseItem::Retry(10),
            event(None, None, ""),
            event(None, None, "[DONE]"),
        ]
    }

    #[test]
    fn a_stream_cut_at_any_byte_reads_the_same() {
        let bytes = STREAM.as_bytes();
        for cut in 0..=bytes.len() {
            let mut parser = SseParser::default();
            let mut items = parser.push(&bytes[..cut]);
            items.extend(parser.push(&bytes[cut..]));
            assert_eq!(items, expected(), "cut at {cut}");
            assert!(parser.is_inside());
        }
    }

    #[test]
    fn a_stream_that_ends_between_events_is_not_inside_one() {
        let mut parser = SseParser::default();
        assert!(!parser.is_inside());
        parser.push(b"data: x\n\n");
        assert!(!parser.is_inside());
        parser.push(b"data: x\n");
        assert!(parser.is_inside());
    }

    proptest! {
        #[test]
        fn any_pieces_read_the_same(sizes in prop::collection::vec(1_usize..9, 1..200)) {
            let mut parser = SseParser::default();
            let mut items = Vec::new();
            let mut rest = STREAM.as_bytes();
            for size in sizes {
                let (piece, behind) = rest.split_at(size.min(rest.len()));
                items.extend(parser.push(piece));
                rest = behind;
            }
            items.extend(parser.push(rest));
            prop_assert_eq!(items, expected());
        }
    }
}

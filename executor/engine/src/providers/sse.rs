//! Server-sent events from bytes, cut anywhere.

/// The most bytes of one event.
const LONGEST_EVENT: usize = 4 << 20;

/// What the bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The data of one event.
    Data(String),
    /// A comment: somebody is alive.
    Comment,
}

/// An event longer than any can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Keeps what is not a whole event yet.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    line: Vec<u8>,
    data: Option<String>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    has_begun: bool,
}

impl SseParser {
    /// Takes bytes and hands on what has become whole.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        mut emit: impl FnMut(Frame),
    ) -> Result<(), TooLong> {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = bytes.split_at(end);
            let is_second_half =
                line.is_empty() && self.after_return && rest.first() == Some(&b'\n');
            if !is_second_half {
                self.line.extend_from_slice(line);
                self.end_line(&mut emit);
            }
            self.after_return = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
        }
        if !bytes.is_empty() {
            self.after_return = false;
            self.line.extend_from_slice(bytes);
        }
        let kept = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if kept > LONGEST_EVENT {
            Err(TooLong)
        } else {
            Ok(())
        }
    }

    /// The body is over. An event without its empty line is handed on: some servers leave out
    /// the one behind the end marker.
    pub(super) fn end(&mut self, mut emit: impl FnMut(Frame)) {
        if !self.line.is_empty() {
            self.end_line(&mut emit);
        }
        if let Some(data) = self.data.take() {
            emit(Frame::Data(data));
        }
    }

    fn end_line(&mut self, emit: &mut impl FnMut(Frame)) {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = if self.has_begun {
            &*line
        } else {
            line.trim_start_matches('\u{FEFF}')
        };
        self.has_begun = true;
        if line.is_empty() {
            if let Some(data) = self.data.take() {
                emit(Frame::Data(data));
            }
        } else if line.starts_with(':') {
            emit(Frame::Comment);
        } else if let Some(data) = line.strip_prefix("data:") {
            let data = data.strip_prefix(' ').unwrap_or(data);
            match &mut self.data {
                Some(open) => {
                    open.push('\n');
                    open.push_str(data);
                }
                None => self.data = Some(data.to_owned()),
            }
        }
        // Other fields (`event`, `id`, `retry`) say nothing here.
        self.line = bytes;
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIRE: &str = "\u{FEFF}: hello\n\ndata: {\"a\":\"é€\"}\r\n\r\ndata:x\ndata: y\n\nevent: e\rdata: z\r\rid: 1\n\ndata: [DONE]\n";

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
        let mut parser = SseParser::default();
        let mut frames = Vec::new();
        for piece in pieces {
            parser.push(piece, |frame| frames.push(frame)).unwrap();
        }
        parser.end(|frame| frames.push(frame));
        frames
    }

    #[test]
    fn all_line_ends_comments_and_a_missing_last_line_are_read() {
        let data = |text: &str| Frame::Data(text.into());
        assert_eq!(
            parse([WIRE.as_bytes()]),
            [
                Frame::Comment,
                data("{\"a\":\"é€\"}"),
                data("x\ny"),
                data("z"),
                data("[DONE]")
            ]
        );
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = SseParser::default();
        let piece = vec![b'x'; 1 << 20];
        let results: Vec<_> = (0..5).map(|_| parser.push(&piece, |_| {})).collect();
        assert_eq!(results.last(), Some(&Err(TooLong)));
    }

    proptest! {
        #[test]
        fn the_events_are_the_same_wherever_the_bytes_are_cut(cuts in prop::collection::vec(0..WIRE.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.extend([0, WIRE.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &WIRE.as_bytes()[cut[0]..cut[1]]);
            prop_assert_eq!(parse(pieces), parse([WIRE.as_bytes()]));
        }
    }
}

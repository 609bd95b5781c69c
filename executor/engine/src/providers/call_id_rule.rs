//! Which ids of calls a server takes. The same id is always mended alike, so that call and result
//! still belong together and the conversation keeps its bytes.

use std::{
    borrow::Cow,
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// What an id may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallIdRule {
    /// Anything.
    Any,
    /// Letters, digits, `_` and `-` (Anthropic).
    Word,
    /// Exactly nine letters and digits (Mistral).
    Nine,
}

impl CallIdRule {
    /// `id`, or what stands for it at this server.
    pub(super) fn fit(self, id: &str) -> Cow<'_, str> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match self {
            Self::Word if id.is_empty() || !id.bytes().all(is_word) => escaped(id).into(),
            Self::Nine if id.len() != 9 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                nine(id).into()
            }
            Self::Any | Self::Word | Self::Nine => id.into(),
        }
    }
}

/// Each byte that may not stand there by its number, so that different ids stay different.
fn escaped(id: &str) -> String {
    let mut text = String::from("call_");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "_{byte:02x}");
        }
    }
    text
}

fn nine(id: &str) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let mut rest = hasher.finish();
    (0..9)
        .map(|_| {
            let digit = usize::try_from(rest % 32).unwrap_or_default();
            rest /= 32;
            char::from(DIGITS.get(digit).copied().unwrap_or(b'a'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ids_stay_and_others_are_mended_alike_each_time() {
        assert_eq!(CallIdRule::Any.fit("a.b:0"), "a.b:0");
        assert_eq!(CallIdRule::Word.fit("toolu_01-x"), "toolu_01-x");
        assert_eq!(CallIdRule::Word.fit("find:0"), "call_find_3a0");
        assert_ne!(
            CallIdRule::Word.fit("find:0"),
            CallIdRule::Word.fit("find.0")
        );
        assert_eq!(CallIdRule::Nine.fit("D681PevKs"), "D681PevKs");
        let mended = CallIdRule::Nine.fit("call_1");
        assert!(mended.len() == 9 && mended.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(mended, CallIdRule::Nine.fit("call_1"));
        assert_ne!(mended, CallIdRule::Nine.fit("call_2"));
    }
}

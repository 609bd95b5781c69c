//! What a provider must get back with a reply's thinking, as one text that is stored with it. Each
//! form names its provider, so that another one, asked later, knows that it is not meant.

use crate::provider::Delta;
use copilot_core::message::Reasoning;
use std::fmt;

const ANTHROPIC_THINKING: &str = "anthropic-thinking";
const ANTHROPIC_REDACTED: &str = "anthropic-redacted";
const GOOGLE_CALL: &str = "google-call";
const OPEN_ROUTER_DETAILS: &str = "open-router-details";
const REASONING_CONTENT: &str = "reasoning-content";

/// Where a block stood in its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Characters of text before it.
    pub(super) characters: usize,
    /// Calls before it.
    pub(super) calls: usize,
}

/// A seal, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal<'a> {
    /// Anthropic's signature over the thinking beside it.
    Thinking {
        /// Where the block stood.
        place: Place,
        /// The signature.
        signature: &'a str,
    },
    /// Anthropic's thinking that nobody may read.
    Redacted {
        /// Where the block stood.
        place: Place,
        /// The sealed thinking.
        data: &'a str,
    },
    /// Google's signature on a call.
    Call {
        /// The call's number in its reply.
        slot: usize,
        /// The signature.
        signature: &'a str,
    },
    /// `OpenRouter`'s account of the thinking, as JSON.
    Details(&'a str),
    /// The thinking came as `reasoning_content`: servers that send it want it back in a turn,
    /// others refuse the unknown field.
    Content,
}

impl fmt::Display for Seal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, Place { characters, calls }, content) = match *self {
            Self::Thinking { place, signature } => (ANTHROPIC_THINKING, place, signature),
            Self::Redacted { place, data } => (ANTHROPIC_REDACTED, place, data),
            Self::Call { slot, signature } => {
                return write!(f, "{GOOGLE_CALL} {slot} {signature}");
            }
            Self::Details(json) => return write!(f, "{OPEN_ROUTER_DETAILS} {json}"),
            Self::Content => return f.write_str(REASONING_CONTENT),
        };
        write!(f, "{name} {characters} {calls} {content}")
    }
}

impl<'a> Seal<'a> {
    /// The delta that brings it.
    pub(super) fn delta(&self) -> Delta {
        Delta::Reasoning {
            text: String::new(),
            signature: Some(self.to_string()),
        }
    }

    /// Those of a reply.
    pub(super) fn all(reasoning: &'a [Reasoning]) -> impl Iterator<Item = Self> {
        reasoning
            .iter()
            .filter_map(|piece| Self::read(piece.signature.as_deref()?))
    }

    /// None if it is nobody's that is known here.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        if text == REASONING_CONTENT {
            return Some(Self::Content);
        }
        let (name, rest) = text.split_once(' ')?;
        if name == OPEN_ROUTER_DETAILS {
            return Some(Self::Details(rest));
        }
        let (first, rest) = rest.split_once(' ')?;
        let first = first.parse().ok()?;
        if name == GOOGLE_CALL {
            return Some(Self::Call {
                slot: first,
                signature: rest,
            });
        }
        let (second, content) = rest.split_once(' ')?;
        let place = Place {
            characters: first,
            calls: second.parse().ok()?,
        };
        match name {
            ANTHROPIC_THINKING => Some(Self::Thinking {
                place,
                signature: content,
            }),
            ANTHROPIC_REDACTED => Some(Self::Redacted {
                place,
                data: content,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_read_as_it_was_written_and_a_foreign_one_is_none() {
        let place = Place {
            characters: 7,
            calls: 1,
        };
        for seal in [
            Seal::Thinking {
                place,
                signature: "a b+/=",
            },
            Seal::Redacted { place, data: "d" },
            Seal::Call {
                slot: 3,
                signature: "s",
            },
            Seal::Details("[{\"a b\": 1}]"),
            Seal::Content,
        ] {
            assert_eq!(Seal::read(&seal.to_string()), Some(seal));
        }
        for foreign in ["", "abc=", "anthropic-thinking x 0 s", "other 1 2 s"] {
            assert_eq!(Seal::read(foreign), None, "{foreign}");
        }
    }
}

//! Identifiers: one type for each thing that has one, so that they cannot be mixed up.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[doc = $doc:literal] $name:ident),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id as a plain UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// A conversation.
    SessionId,
    /// One message of a person and all the work that answers it.
    TurnId,
    /// A stored message.
    MessageId,
    /// One life of an executor's lease; a process that lost its lease takes a new one.
    ExecutorId,
}

impl SessionId {
    /// What a log may show. The id of an anonymous session is its key, and a random UUID: of such
    /// a one only the beginning.
    #[must_use]
    pub fn tag(self) -> String {
        let mut tag = self.0.to_string();
        if self.0.get_version_num() == 4 {
            tag.truncate(8);
        }
        tag
    }
}

/// The subject of a caller's token; `local` in local mode.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(String);

impl UserId {
    /// Wraps the subject as the identity provider wrote it.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self(subject.into())
    }

    /// The whole subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last 8 characters: all that a log may show.
    #[must_use]
    pub fn tail(&self) -> &str {
        let start = self.0.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
        self.0.get(start..).unwrap_or_default()
    }
}

/// Where new ids come from; injected so that tests can name them.
pub trait IdSource: Send + Sync {
    /// A fresh, time-ordered UUID (version 7).
    fn next(&self) -> Uuid;

    /// A random UUID (version 4): nobody can guess it, so it can be a key.
    fn unguessable(&self) -> Uuid;
}

/// Ids of production, from the system's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    fn unguessable(&self) -> Uuid {
        Uuid::new_v4()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_anonymous_session_is_cut_short_in_logs() {
        let of = |text: &str| text.parse::<SessionId>().unwrap().tag();
        assert_eq!(of("9f1c2d3e-4a5b-4c6d-8e7f-001122334455"), "9f1c2d3e");
        let own = "0198f1c2-4a5b-7c6d-8e7f-001122334455";
        assert_eq!(of(own), own);
    }

    #[test]
    fn only_the_last_eight_characters_of_a_user_reach_a_log() {
        assert_eq!(UserId::new("auth0|0123456789").tail(), "23456789");
        assert_eq!(UserId::new("é").tail(), "é");
    }
}

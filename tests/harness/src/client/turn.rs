//! A turn that the test began.

use serde_json::Value;

use super::api::Client;
use super::event_stream::EventStream;
use crate::deadline::{DEADLINE, poll_until};

/// A handle on a turn, by its ids alone.
#[derive(Clone, Debug)]
pub struct Turn {
    client: Client,
    /// The session it belongs to.
    pub session_id: String,
    /// Its own id.
    pub id: String,
}

impl Turn {
    pub(super) fn new(client: Client, session_id: &str, id: &str) -> Self {
        Self {
            client,
            session_id: session_id.to_owned(),
            id: id.to_owned(),
        }
    }

    /// Its events from the beginning, however far it is.
    pub fn events(&self) -> EventStream {
        self.client
            .replay(&self.session_id, &self.id, None)
            .events()
    }

    /// Its events after a cursor.
    pub fn events_after(&self, cursor: &str) -> EventStream {
        self.client
            .replay(&self.session_id, &self.id, Some(cursor))
            .events()
    }

    /// Cancel it, and give the answer's body.
    pub async fn cancel(&self) -> Value {
        self.client
            .cancel(&self.session_id, Some(&self.id))
            .ok()
            .await
    }

    /// Its row, as the API tells it.
    pub async fn get(&self) -> Value {
        self.client.get_turn(&self.session_id, &self.id).ok().await
    }

    /// Wait until it has this status.
    pub async fn until_status(&self, status: &str) -> Value {
        poll_until(
            DEADLINE,
            || format!("turn {} becomes {status}", self.id),
            || async { self.get().await["status"] == status },
        )
        .await;
        self.get().await
    }
}

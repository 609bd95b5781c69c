//! One session, as a test talks in it.

use copilot_harness::{Call, ChatRequest, Client, Event, EventStream, TestStack, Transcript, Turn};
use serde_json::Value;

/// A session and a client of it.
#[derive(Clone)]
pub(crate) struct Conversation {
    pub(crate) client: Client,
    pub(crate) id: String,
}

impl Conversation {
    /// A new session.
    pub(crate) async fn begin(stack: &TestStack) -> Self {
        let client = stack.client.clone();
        let id = client.create_session().await;
        Self { client, id }
    }

    /// The same session from another browser.
    pub(crate) fn apart(&self) -> Self {
        Self {
            client: self.client.apart(),
            id: self.id.clone(),
        }
    }

    /// A message whose answer is streamed, not sent yet.
    pub(crate) fn say(&self, message: &str) -> Call {
        self.client.start_stream(&self.id, message)
    }

    /// Send a message, and give the open stream.
    pub(crate) async fn open(&self, message: &str) -> EventStream {
        self.say(message).open().await
    }

    /// Send a message, and read its answer to the true end.
    pub(crate) async fn ask(&self, message: &str) -> Transcript {
        self.say(message).events().to_finish().await
    }

    /// Send a message that is answered in the background.
    pub(crate) async fn background(&self, message: &str) -> Turn {
        self.client.turn_in(&self.id, message).await
    }

    /// A handle on the turn of a response.
    pub(crate) fn turn_of(&self, seen: &Transcript) -> Turn {
        self.client.known_turn(&self.id, seen.turn_id())
    }

    pub(crate) fn resume(&self, cursor: Option<&str>) -> Call {
        self.client.resume(&self.id, cursor)
    }

    pub(crate) fn cancel(&self, turn: Option<&Turn>) -> Call {
        let id = turn.map(|turn| turn.id.as_str());
        self.client.cancel(&self.id, id)
    }

    /// The session as a reload shows it.
    pub(crate) async fn read(&self) -> Value {
        self.client.get_session(&self.id).ok().await
    }

    /// The messages that a reload shows.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        messages_of(&self.read().await)
    }

    /// The last message that a reload shows.
    pub(crate) async fn last_message(&self) -> Value {
        let messages = self.messages().await;
        messages.last().expect("a message").clone()
    }
}

/// The messages of a session's body.
pub(crate) fn messages_of(session: &Value) -> Vec<Value> {
    session["messages"].as_array().expect("messages").clone()
}

/// One field of each object, as text.
pub(crate) fn each<'a>(objects: &'a [Value], field: &str) -> Vec<&'a str> {
    objects
        .iter()
        .map(|object| object[field].as_str().unwrap_or("null"))
        .collect()
}

/// The types of the events that are stored, neighbours of one type as one.
pub(crate) fn lasting(seen: &Transcript) -> Vec<&str> {
    let stored = seen.events.iter().filter(|event| !event.is_transient());
    let mut kinds: Vec<&str> = stored.map(Event::kind).collect();
    kinds.dedup();
    kinds
}

/// The last stored events.
pub(crate) fn lasting_end<const N: usize>(seen: &Transcript) -> [&str; N] {
    let kinds = lasting(seen);
    *kinds.last_chunk().expect("as many events")
}

/// All that the model was told, as one text.
pub(crate) fn told(request: &ChatRequest) -> String {
    Value::from(request.messages()).to_string()
}

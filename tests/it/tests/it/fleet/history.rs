//! What must hold of every history, whatever happened in it.

use copilot_harness::{Client, Turn};

use crate::conversation::messages_of;

/// A message that was accepted, and the answer that the model gives to it.
pub(crate) struct Accepted {
    pub(crate) turn: Turn,
    pub(crate) answer: String,
}

/// Every accepted message has exactly one turn, run to one terminal state; its stream has one
/// finish; and stream and reload show the same text, byte for byte what the model sent.
pub(crate) async fn check(client: &Client, accepted: &[Accepted]) {
    for Accepted { turn, answer } in accepted {
        let turn = client.known_turn(&turn.session_id, &turn.id);
        turn.until_status("completed").await;
        assert_eq!(&check_end(client, &turn).await, answer, "turn {}", turn.id);
    }
}

/// Of a turn that has ended, somehow: one user's message, one finish, and the same text in
/// stream and reload. The text.
pub(crate) async fn check_end(client: &Client, turn: &Turn) -> String {
    let replayed = turn.events().to_finish().await;
    let message = replayed
        .fold()
        .unwrap_or_else(|error| panic!("turn {}: {error}", turn.id));
    assert_eq!(replayed.of("finish").count(), 1, "turn {}", turn.id);
    let session = client.get_session(&turn.session_id).ok().await;
    let of_turn: Vec<_> = messages_of(&session)
        .into_iter()
        .filter(|message| message["turn_id"] == turn.id.as_str())
        .collect();
    let said = of_turn.iter().filter(|said| said["role"] == "assistant");
    let said: String = said
        .filter_map(|said| said["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(message.text(), said, "turn {}", turn.id);
    let asked = of_turn.iter().filter(|said| said["role"] == "user");
    assert_eq!(asked.count(), 1, "turn {}", turn.id);
    said
}

/// Sessions hold as many turns as messages were accepted in them: none was lost or doubled.
pub(crate) async fn check_count(client: &Client, session: &str, accepted: usize) {
    let listed = client.list_turns(session).query("limit", 1).ok().await;
    assert_eq!(listed["total"], accepted, "session {session}");
}

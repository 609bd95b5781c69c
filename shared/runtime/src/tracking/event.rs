use copilot_core::clock::Timestamp;
use copilot_core::id::{SessionId, TurnId, UserId};
use serde::Serialize;

/// A message that a person has sent and that became a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename = "user_message")]
pub struct UserMessage {
    /// Who sent it; none: anonymous.
    pub user_id: Option<UserId>,
    /// Where.
    pub session_id: SessionId,
    /// The turn that answers it.
    pub turn_id: TurnId,
    /// Its length in characters.
    pub message_length: usize,
    /// Files that came with it.
    pub file_count: usize,
    /// When it was accepted.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_event_has_the_names_of_the_contract_and_null_for_nobody() {
        let event = UserMessage {
            user_id: None,
            session_id: Uuid::nil().into(),
            turn_id: Uuid::nil().into(),
            message_length: 3,
            file_count: 0,
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            json!({
                "event": "user_message",
                "user_id": null,
                "session_id": Uuid::nil(),
                "turn_id": Uuid::nil(),
                "message_length": 3,
                "file_count": 0,
                "at": "1970-01-01T00:00:00Z",
            })
        );
    }
}

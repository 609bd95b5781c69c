//! From a request to a committed turn.

use crate::{
    dto::new_turn::NewTurnBody,
    error::ApiError,
    limits::{CLIENT_ID_CHARS, ECHOED_FILE_ID_CHARS},
    problem::FieldError,
    state::{ApiState, Services},
};
use copilot_core::{
    event::FilesNote,
    id::SessionId,
    message::without_nul,
    port::store::Acceptance,
    service::intake::MessageSize,
    session::Owner,
    traceparent::Traceparent,
    turn::{IdempotencyKey, NewTurn, OnBusy, OpeningRole, Turn, TurnRequest},
};
use copilot_runtime::tracking::UserMessage;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write, sync::Arc};
use tokio::time::Instant;
use tracing::Instrument;

/// A message on its way to become a turn.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) message: String,
    pub(crate) opening_role: OpeningRole,
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) file_ids: Vec<String>,
    /// The client's name for it.
    pub(crate) key: Option<String>,
    pub(crate) on_busy: OnBusy,
    pub(crate) model: Option<String>,
}

impl Said {
    /// What a request's body and its `Idempotency-Key` say together.
    pub(crate) fn new(body: NewTurnBody, header: Option<String>) -> Result<Self, ApiError> {
        let opening_role = body.opening_role();
        Ok(Self {
            opening_role,
            key: one_key(body.message_id, header)?,
            message: body.message,
            context: body.context.unwrap_or_default(),
            file_ids: body.file_ids.unwrap_or_default(),
            on_busy: body.on_busy.into(),
            model: body.model,
        })
    }

    fn digest(&self) -> String {
        let is_user = self.opening_role == OpeningRole::User;
        let content = (&self.message, is_user, &self.file_ids, &self.context);
        let canonical = serde_json::to_vec(&content).unwrap_or_default();
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(canonical) {
            let _infallible = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// There is no file store yet: none of the files is one.
    fn files(&self) -> Option<FilesNote> {
        let echo = |id: &String| id.chars().take(ECHOED_FILE_ID_CHARS).collect();
        let dropped: Vec<String> = self.file_ids.iter().map(echo).collect();
        (!dropped.is_empty()).then(|| FilesNote {
            attached: Vec::new(),
            dropped,
        })
    }
}

/// `message_id` and `Idempotency-Key` are two ways to say the same.
fn one_key(message_id: Option<String>, header: Option<String>) -> Result<Option<String>, ApiError> {
    let is_short = |key: &String| (1..=CLIENT_ID_CHARS).contains(&key.chars().count());
    if header.as_ref().is_some_and(|key| !is_short(key)) {
        let message = format!("must have 1 to {CLIENT_ID_CHARS} characters");
        return Err(ApiError::invalid("Idempotency-Key", message));
    }
    match (&message_id, &header) {
        (Some(id), Some(key)) if id != key => Err(ApiError::invalid(
            "message_id",
            "must be the same as the header Idempotency-Key",
        )),
        _ => Ok(message_id.or(header).map(without_nul)),
    }
}

/// Makes a turn of it. When this returns, the turn is committed and will run.
///
/// Once begun it goes on without its client: an accepted message is hinted at and told of,
/// whoever hangs up meanwhile.
pub(crate) async fn accept(
    services: &Services,
    owner: &Owner,
    session: SessionId,
    said: Said,
) -> Result<Turn, ApiError> {
    let state = Arc::clone(services.state());
    check(&state, &said)?;
    let size = MessageSize {
        length: said.message.chars().count(),
        files: said.file_ids.len(),
    };
    let new = new_turn(&state, said, services.trace().cloned());
    let (tasks, owner) = (state.tasks.clone(), owner.clone());
    let beginning = async move { begin(&state, &owner, session, new, size).await };
    let begun = tasks.spawn(beginning.in_current_span()).await;
    begun.map_err(ApiError::lost_task)?
}

async fn begin(
    state: &Arc<ApiState>,
    owner: &Owner,
    session: SessionId,
    new: NewTurn,
    size: MessageSize,
) -> Result<Turn, ApiError> {
    match state.intake.accept(owner, session, new, size).await? {
        Acceptance::Begun { turn, interrupted } => {
            if turn.request.opening_role == OpeningRole::User {
                track(state, &turn, size);
            }
            if !interrupted.is_empty() {
                interrupt(state, interrupted, &turn);
            }
            Ok(turn)
        }
        Acceptance::Attached(turn) => Ok(turn),
        Acceptance::NoSession => Err(ApiError::no_session(session.uuid())),
        Acceptance::Mismatch => Err(mismatch()),
        Acceptance::TooMany => Err(ApiError::too_many_turns()),
        Acceptance::Busy(turn) => Err(ApiError::busy(turn.uuid())),
    }
}

fn check(state: &ApiState, said: &Said) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    if said.message.trim().is_empty() {
        errors.push(FieldError::new(
            "message",
            "must not be blank without a file",
        ));
    }
    let allowed = |model: &String| {
        *model == state.config.default_model || state.config.models.contains(model)
    };
    if said.model.as_ref().is_some_and(|model| !allowed(model)) {
        errors.push(FieldError::new(
            "model",
            "is not one that the operator allows",
        ));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid_fields(errors))
    }
}

/// A person has said something.
fn track(state: &ApiState, turn: &Turn, size: MessageSize) {
    state.metrics.user_message();
    state.tracker.track(UserMessage {
        user_id: turn.user_id.clone(),
        session_id: turn.session_id,
        turn_id: turn.id,
        message_length: size.length,
        file_count: size.files,
        at: turn.created_at,
    });
}

fn new_turn(state: &ApiState, said: Said, traceparent: Option<Traceparent>) -> NewTurn {
    let idempotency = said.key.clone().map(|key| IdempotencyKey {
        key,
        digest: said.digest(),
    });
    let files = said.files();
    NewTurn {
        id: state.ids.next().into(),
        message_id: state.ids.next().into(),
        answer_id: state.ids.next().into(),
        content: said.message,
        request: TurnRequest {
            opening_role: said.opening_role,
            context: said.context,
            model: said.model,
            files,
            traceparent,
        },
        idempotency,
        on_busy: said.on_busy,
        caps: state.config.caps,
    }
}

/// Stops what was marked, while the new turn's response is already open.
fn interrupt(state: &Arc<ApiState>, marked: Vec<Turn>, next: &Turn) {
    let (began, next, interrupting) = (Instant::now(), next.clone(), Arc::clone(state));
    let stopping = async move {
        match interrupting.canceller.stop_all(&marked).await {
            Ok(_) => {
                let (session, waited) = (next.session_id, began.elapsed());
                interrupting
                    .metrics
                    .cancelled(session, "interrupted", waited);
                // It waits no more: its first hint may have found the session still busy.
                interrupting.intake.hint(&next);
            }
            Err(error) => {
                tracing::warn!(turn_id = %next.id, %error, "interrupt left to the look");
            }
        }
    };
    state.tasks.spawn(stopping.in_current_span());
}

fn mismatch() -> ApiError {
    let error = FieldError::new("message_id", "was used with another content");
    let detail = "the same idempotency key came with another content";
    ApiError::invalid_as("idempotency_mismatch", detail, vec![error])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> Said {
        Said {
            message: message.to_owned(),
            ..Said::default()
        }
    }

    #[test]
    fn the_digest_tells_contents_apart_and_nothing_else() {
        let plain = said("hi");
        let keyed = Said {
            key: Some("k".into()),
            on_busy: OnBusy::Reject,
            ..said("hi")
        };
        assert_eq!(plain.digest(), keyed.digest());
        let context = BTreeMap::from([("url".to_owned(), "x".to_owned())]);
        for other in [
            said("ho"),
            Said {
                opening_role: OpeningRole::Assistant,
                ..said("hi")
            },
            Said {
                file_ids: vec!["f".into()],
                ..said("hi")
            },
            Said {
                context,
                ..said("hi")
            },
        ] {
            assert_ne!(plain.digest(), other.digest(), "{other:?}");
        }
    }

    #[test]
    fn two_names_for_one_message_must_be_the_same() {
        let key = |text: &str| Some(text.to_owned());
        assert_eq!(one_key(key("a"), key("a")).ok(), Some(key("a")));
        assert_eq!(one_key(None, key("a")).ok(), Some(key("a")));
        assert_eq!(one_key(None, None).ok(), Some(None));
        assert!(one_key(key("a"), key("b")).is_err());
        assert!(one_key(None, key("")).is_err());
        assert!(one_key(None, key(&"x".repeat(129))).is_err());
    }

    #[test]
    fn unknown_files_are_dropped_and_no_file_is_no_note() {
        assert_eq!(said("hi").files(), None);
        let with_file = Said {
            file_ids: vec!["f".into()],
            ..said("hi")
        };
        assert_eq!(with_file.files().unwrap().dropped, ["f"]);
    }
}

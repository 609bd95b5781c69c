//! From what a reader is shown to the events of its profile.
//!
//! Stored events are written as they are wherever the profile knows them. One that becomes
//! several gives its cursor to the last of them only: a client that was cut off between
//! them gets all of them again.

use super::{
    frame::Frame,
    profile::Profile,
    wire::{StepRetry, Wire, finish_reason},
};
use copilot_core::{
    event::{Entry, Event},
    position::{Attempt, Position},
    service::reading::Shown,
};

/// Whether the stream has been told to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// More will come.
    Part,
    /// That was `finish`.
    All,
    /// The turn goes on, but this response cannot.
    Broken,
}

/// Writes events for one client.
pub(crate) struct Translator {
    profile: Profile,
    /// After `reset-step` the client's step is still open: the next `start-step` is left out.
    is_step_reset: bool,
    /// A title may be published again, for readers who came late.
    is_titled: bool,
}

impl Translator {
    pub(crate) const fn new(profile: Profile) -> Self {
        Self {
            profile,
            is_step_reset: false,
            is_titled: false,
        }
    }

    /// Writes one thing.
    pub(crate) fn write(&mut self, shown: &Shown, frame: &mut Frame) -> Told {
        match shown {
            Shown::Entry(entry) => self.entry(entry, Some(entry.position), frame),
            Shown::Again(entry) => self.entry(entry, None, frame),
            Shown::Closing(event) => self.event(event, None, frame),
            Shown::Passing(Event::Title { .. }) if self.is_titled => Told::Part,
            Shown::Passing(event) => {
                self.is_titled |= matches!(event, Event::Title { .. });
                frame.event(None, event);
                Told::Part
            }
            Shown::Retry {
                closing,
                step,
                attempt,
                at,
            } => {
                self.retry(closing, *step, *attempt, *at, frame);
                Told::Part
            }
            Shown::Broken => Told::Broken,
        }
    }

    fn entry(&mut self, entry: &Entry, cursor: Option<Position>, frame: &mut Frame) -> Told {
        let was_reset = std::mem::take(&mut self.is_step_reset);
        if was_reset && entry.event == Event::StartStep {
            return Told::Part;
        }
        let is_end = matches!(
            entry.event,
            Event::Error { .. } | Event::Abort { .. } | Event::Finish { .. }
        );
        if was_reset && is_end {
            // The client's step, emptied by the reset, is still open.
            frame.event(None, &Event::FinishStep);
        }
        self.event(&entry.event, cursor, frame)
    }

    fn event(&self, event: &Event, cursor: Option<Position>, frame: &mut Frame) -> Told {
        match (self.profile, event) {
            (_, Event::Error { error }) => {
                frame.event(None, &Wire::DataError { data: error });
                frame.event(
                    cursor,
                    &Wire::Error {
                        error_text: &error.message,
                    },
                );
            }
            // A reader tells marks as retries, to those that they concern.
            (_, Event::Reset { .. }) => {}
            (Profile::V5, Event::Abort { .. }) => frame.event(cursor, &Wire::Abort {}),
            // Its answer follows as an event of its own, like that of every call.
            (
                Profile::V5,
                Event::ToolInputError {
                    tool_call_id,
                    tool_name,
                    input,
                    ..
                },
            ) => {
                frame.event(
                    cursor,
                    &Wire::ToolInputAvailable {
                        tool_call_id,
                        tool_name,
                        input,
                    },
                );
            }
            (Profile::V6 | Profile::V7, Event::Finish { message_metadata }) => {
                let finish_reason = finish_reason(message_metadata.finish_reason);
                frame.event(
                    cursor,
                    &Wire::Finish {
                        finish_reason,
                        message_metadata,
                    },
                );
            }
            (_, plain) => frame.event(cursor, plain),
        }
        if matches!(event, Event::Finish { .. }) {
            Told::All
        } else {
            Told::Part
        }
    }

    fn retry(
        &mut self,
        closing: &[Event],
        step: u32,
        attempt: Attempt,
        at: Position,
        frame: &mut Frame,
    ) {
        match self.profile {
            Profile::V5 | Profile::V6 => {
                for event in closing {
                    frame.event(None, event);
                }
                frame.event(
                    Some(at),
                    &Wire::StepRetry {
                        data: StepRetry { step, attempt },
                    },
                );
            }
            Profile::V7 => {
                frame.event(Some(at), &Wire::ResetStep {});
                self.is_step_reset = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilot_core::{
        event::{FilesNote, FinishMetadata, StartMetadata},
        turn::{ErrorCode, FinishReason, TurnError, Usage},
    };
    use serde_json::{Value, json};
    use std::sync::Arc;
    use uuid::Uuid;

    /// The events that come of `shown`: cursor position and JSON.
    fn told(profile: Profile, shown: &[Shown]) -> Vec<(Option<String>, Value)> {
        let turn = Uuid::from_u128(5).into();
        let (mut translator, mut frame) = (Translator::new(profile), Frame::new(turn));
        for shown in shown {
            translator.write(shown, &mut frame);
        }
        let bytes = frame.take();
        let text = std::str::from_utf8(&bytes).unwrap();
        let events = text.split_terminator("\n\n");
        events
            .map(|event| {
                let (id, data) = event.split_once("data: ").unwrap();
                let id = id.strip_prefix("id: ").map(|id| {
                    let (turn, position) = id.trim_end().split_once('.').unwrap();
                    assert_eq!(turn, "00000000000000000000000000000005");
                    position.to_owned()
                });
                (id, serde_json::from_str(data).unwrap())
            })
            .collect()
    }

    fn entry(event: Event) -> Shown {
        Shown::Entry(Arc::new(Entry::new(Position::new(1, 9), event)))
    }

    fn at(value: Value) -> (Option<String>, Value) {
        (Some("1-9".to_owned()), value)
    }

    fn bare(value: Value) -> (Option<String>, Value) {
        (None, value)
    }

    fn finish(reason: FinishReason) -> Event {
        let turn_id = Uuid::nil().into();
        Event::Finish {
            message_metadata: FinishMetadata {
                usage: Usage::default(),
                finish_reason: reason,
                turn_id,
            },
        }
    }

    fn metadata(reason: &str) -> Value {
        json!({
            "usage": {"input_tokens": 0, "output_tokens": 0, "cached_input_tokens": 0,
                "reasoning_tokens": 0, "total_tokens": 0, "estimated": false},
            "finishReason": reason,
            "turnId": Uuid::nil(),
        })
    }

    const ALL: [Profile; 3] = [Profile::V5, Profile::V6, Profile::V7];

    #[test]
    fn most_events_are_the_same_in_every_profile() {
        let id = Position::new(1, 2);
        let message_metadata = StartMetadata {
            session_id: Uuid::nil().into(),
            turn_id: Uuid::nil().into(),
        };
        let metadata = json!({"sessionId": Uuid::nil(), "turnId": Uuid::nil()});
        let call = || "c".to_owned();
        for (event, expected) in [
            (
                Event::Start {
                    message_id: Uuid::nil().into(),
                    message_metadata,
                },
                json!({"type": "start", "messageId": Uuid::nil(), "messageMetadata": metadata}),
            ),
            (
                Event::Files {
                    data: FilesNote {
                        attached: vec![],
                        dropped: vec!["f".into()],
                    },
                },
                json!({"type": "data-files", "data": {"attached": [], "dropped": ["f"]}}),
            ),
            (Event::StartStep, json!({"type": "start-step"})),
            (
                Event::TextStart { id },
                json!({"type": "text-start", "id": "1-2"}),
            ),
            (
                Event::TextDelta {
                    id,
                    delta: "é\n".into(),
                },
                json!({"type": "text-delta", "id": "1-2", "delta": "é\n"}),
            ),
            (
                Event::TextEnd { id },
                json!({"type": "text-end", "id": "1-2"}),
            ),
            (
                Event::ReasoningEnd { id },
                json!({"type": "reasoning-end", "id": "1-2"}),
            ),
            (
                Event::ToolInputStart {
                    tool_call_id: call(),
                    tool_name: "t".into(),
                },
                json!({"type": "tool-input-start", "toolCallId": "c", "toolName": "t"}),
            ),
            (
                Event::ToolInputDelta {
                    tool_call_id: call(),
                    input_text_delta: "{".into(),
                },
                json!({"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "{"}),
            ),
            (
                Event::ToolInputAvailable {
                    tool_call_id: call(),
                    tool_name: "t".into(),
                    input: json!({}),
                },
                json!({"type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": {}}),
            ),
            (
                Event::ToolOutputAvailable {
                    tool_call_id: call(),
                    output: Value::Null,
                },
                json!({"type": "tool-output-available", "toolCallId": "c", "output": null}),
            ),
            (
                Event::ToolOutputError {
                    tool_call_id: call(),
                    error_text: "no".into(),
                },
                json!({"type": "tool-output-error", "toolCallId": "c", "errorText": "no"}),
            ),
            (Event::FinishStep, json!({"type": "finish-step"})),
        ] {
            for profile in ALL {
                assert_eq!(
                    told(profile, &[entry(event.clone())]),
                    [at(expected.clone())]
                );
            }
        }
    }

    #[test]
    fn the_newer_profiles_know_more_fields_and_types() {
        let abort = || {
            entry(Event::Abort {
                reason: "cancelled".into(),
            })
        };
        let bad_input = || {
            entry(Event::ToolInputError {
                tool_call_id: "c".into(),
                tool_name: "t".into(),
                input: json!("{"),
                error_text: "no JSON".into(),
            })
        };
        let input = json!({"type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": "{"});
        let stop = finish(FinishReason::Stop);
        assert_eq!(
            told(Profile::V5, &[abort()]),
            [at(json!({"type": "abort"}))]
        );
        assert_eq!(told(Profile::V5, &[bad_input()]), [at(input)]);
        assert_eq!(
            told(Profile::V5, &[entry(stop.clone())]),
            [at(
                json!({"type": "finish", "messageMetadata": metadata("stop")})
            )]
        );
        for profile in [Profile::V6, Profile::V7] {
            assert_eq!(
                told(profile, &[abort()]),
                [at(json!({"type": "abort", "reason": "cancelled"}))]
            );
            let input = json!({"type": "tool-input-error", "toolCallId": "c", "toolName": "t", "input": "{",
                "errorText": "no JSON"});
            assert_eq!(told(profile, &[bad_input()]), [at(input)]);
            for (reason, ours, theirs) in [
                (FinishReason::Stop, "stop", "stop"),
                (FinishReason::ToolCalls, "tool-calls", "tool-calls"),
                (FinishReason::Interrupted, "interrupted", "other"),
            ] {
                assert_eq!(
                    told(profile, &[entry(finish(reason))]),
                    [at(
                        json!({"type": "finish", "finishReason": theirs, "messageMetadata": metadata(ours)})
                    )]
                );
            }
        }
    }

    #[test]
    fn an_error_is_told_to_programs_and_then_to_people_with_one_cursor() {
        let mut error = TurnError::retryable(ErrorCode::LlmRateLimited, "Too busy.");
        for (wait, data) in [
            (
                None,
                json!({"code": "llm_rate_limited", "message": "Too busy.", "retryable": true}),
            ),
            (
                Some(7),
                json!({"code": "llm_rate_limited", "message": "Too busy.", "retryable": true,
                    "retry_after_seconds": 7}),
            ),
        ] {
            error.retry_after_seconds = wait;
            for profile in ALL {
                let told = told(
                    profile,
                    &[entry(Event::Error {
                        error: error.clone(),
                    })],
                );
                let expected = [
                    bare(json!({"type": "data-error", "data": data})),
                    at(json!({"type": "error", "errorText": "Too busy."})),
                ];
                assert_eq!(told, expected);
            }
        }
    }

    #[test]
    fn passing_closing_and_repeated_events_have_no_cursor() {
        let again = Arc::new(Entry::new(Position::new(1, 1), Event::StartStep));
        let shown = [
            Shown::Passing(Event::status("queued")),
            Shown::Closing(Event::FinishStep),
            Shown::Again(again),
        ];
        let status =
            json!({"type": "data-status", "data": {"message": "queued"}, "transient": true});
        for profile in ALL {
            assert_eq!(
                told(profile, &shown),
                [
                    bare(status.clone()),
                    bare(json!({"type": "finish-step"})),
                    bare(json!({"type": "start-step"})),
                ]
            );
        }
    }

    #[test]
    fn a_retry_closes_what_is_open_or_resets_the_step() {
        let id = Position::new(1, 2);
        let retry = Shown::Retry {
            closing: vec![Event::TextEnd { id }, Event::FinishStep],
            step: 2,
            attempt: 3,
            at: Position::new(3, 1),
        };
        let shown = [
            retry,
            entry(Event::StartStep),
            entry(Event::FinishStep),
            entry(Event::StartStep),
        ];
        let mark = |value| (Some("3-1".to_owned()), value);
        let (start, end) = (
            json!({"type": "start-step"}),
            json!({"type": "finish-step"}),
        );
        for profile in [Profile::V5, Profile::V6] {
            assert_eq!(
                told(profile, &shown),
                [
                    bare(json!({"type": "text-end", "id": "1-2"})),
                    bare(end.clone()),
                    mark(json!({"type": "data-step-retry", "data": {"step": 2, "attempt": 3}})),
                    at(start.clone()),
                    at(end.clone()),
                    at(start.clone()),
                ]
            );
        }
        assert_eq!(
            told(Profile::V7, &shown),
            [mark(json!({"type": "reset-step"})), at(end), at(start)]
        );
    }

    #[test]
    fn finish_and_broken_end_the_telling() {
        let mut frame = Frame::new(Uuid::nil().into());
        let mut translator = Translator::new(Profile::V5);
        assert_eq!(
            translator.write(&entry(Event::FinishStep), &mut frame),
            Told::Part
        );
        assert_eq!(
            translator.write(&entry(finish(FinishReason::Stop)), &mut frame),
            Told::All
        );
        let closing = Shown::Closing(finish(FinishReason::Interrupted));
        assert_eq!(translator.write(&closing, &mut frame), Told::All);
        assert_eq!(translator.write(&Shown::Broken, &mut frame), Told::Broken);
    }
}

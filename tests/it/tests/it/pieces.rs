//! One message out of several responses.

use copilot_harness::{Event, Fold, FoldError, Transcript, UiMessage};

/// The message that these events make.
pub(crate) fn folded<'a>(
    events: impl IntoIterator<Item = &'a Event>,
) -> Result<UiMessage, FoldError> {
    let mut fold = Fold::new();
    for event in events {
        fold.push(&event.json)?;
    }
    fold.finish()
}

/// The message out of a response that broke off and the one that went on from its last cursor.
pub(crate) fn joined(head: &Transcript, rest: &Transcript) -> Result<UiMessage, FoldError> {
    folded(head.events.iter().chain(&rest.events))
}

/// What follows the mark of a step that was made again.
///
/// What the lost attempt had shown died with the process, so the server may not know what is open
/// in this client; the mark tells the client to drop what it has of the step. Panics if nothing
/// but closing events stands before the mark, or if there is none.
pub(crate) fn after_retry(rest: &Transcript) -> &[Event] {
    let mark = rest
        .events
        .iter()
        .position(|event| event.is("data-step-retry"))
        .unwrap_or_else(|| panic!("no data-step-retry in {:?}", rest.kinds()));
    let (before, after) = rest.events.split_at(mark + 1);
    let closes = [
        "text-end",
        "reasoning-end",
        "tool-output-error",
        "finish-step",
    ];
    for event in &before[..mark] {
        let is_harmless = event.is_transient() || closes.contains(&event.kind());
        assert!(is_harmless, "{} before the retry", event.raw);
    }
    after
}

/// The message of a client that dropped the lost step: all before it, then the rest.
pub(crate) fn joined_over_retry(
    head: &Transcript,
    rest: &Transcript,
) -> Result<UiMessage, FoldError> {
    let lost = head
        .events
        .iter()
        .rposition(|event| event.is("start-step"))
        .expect("a step that was lost");
    folded(head.events[..lost].iter().chain(after_retry(rest)))
}

//! One message out of several responses.

use copilot_harness::{Event, Fold, FoldError, Mode, Transcript, UiMessage};
use serde_json::Value;

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

/// The message of a client that minds `data-step-retry`, out of responses that each went on from
/// the last cursor of the one before: what it had of that step it drops.
///
/// Panics if anything but ends of what is open stands between a later response's beginning and the
/// mark, where the stream was lost with the process.
pub(crate) fn mended<'a>(
    responses: impl IntoIterator<Item = &'a Transcript>,
) -> Result<UiMessage, FoldError> {
    let mut kept: Vec<&Event> = Vec::new();
    for (number, response) in responses.into_iter().enumerate() {
        for (before, event) in response.events.iter().enumerate() {
            if event.is("data-step-retry") {
                let ends = &response.events[..before];
                // The first one may have shown the step's beginning itself; and where the stream
                // outlives a killed process, a later one may have shown more of the lost step.
                let may_show_more = number == 0 || Mode::of_run() == Mode::Distributed;
                assert!(
                    may_show_more || ends.iter().all(is_end),
                    "before the mark: {:?}",
                    response.kinds()
                );
                let lost = place_of_step(&kept, &event.json["data"]["step"]);
                kept.truncate(lost);
            } else {
                kept.push(event);
            }
        }
    }
    folded(kept)
}

fn is_end(event: &Event) -> bool {
    let ends = [
        "text-end",
        "reasoning-end",
        "tool-output-error",
        "finish-step",
    ];
    event.is_transient() || ends.contains(&event.kind())
}

/// Where the step of this number begins, counted from 1; the end if it has not begun.
fn place_of_step(events: &[&Event], number: &Value) -> usize {
    let number = number.as_u64().expect("a step's number");
    let mut starts = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.is("start-step"));
    let nth = usize::try_from(number - 1).expect("a small number");
    starts.nth(nth).map_or(events.len(), |(place, _)| place)
}

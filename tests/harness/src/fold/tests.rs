use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Fold, FoldError, UiMessage};

fn fold(events: &[Value]) -> Result<UiMessage, FoldError> {
    let mut fold = Fold::new();
    for event in events {
        fold.push(event)?;
    }
    fold.finish()
}

fn whole_turn() -> Vec<Value> {
    vec![
        json!({"type": "start", "messageId": "m", "messageMetadata": {"turnId": "t", "n": {"a": 1}}}),
        json!({"type": "data-files", "data": {"attached": []}}),
        json!({"type": "start-step"}),
        json!({"type": "reasoning-start", "id": "r1"}),
        json!({"type": "reasoning-delta", "id": "r1", "delta": "hm"}),
        json!({"type": "reasoning-end", "id": "r1"}),
        json!({"type": "text-start", "id": "t1"}),
        json!({"type": "text-delta", "id": "t1", "delta": "Let me "}),
        json!({"type": "text-delta", "id": "t1", "delta": "look"}),
        json!({"type": "text-end", "id": "t1"}),
        json!({"type": "tool-input-start", "toolCallId": "c1", "toolName": "find"}),
        json!({"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "{\"q\":"}),
        json!({"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "\"x\"}"}),
        json!({"type": "tool-input-available", "toolCallId": "c1", "toolName": "find", "input": {"q": "x"}}),
        json!({"type": "tool-input-start", "toolCallId": "c2", "toolName": "other"}),
        json!({"type": "tool-output-error", "toolCallId": "c2", "errorText": "stopped"}),
        json!({"type": "data-status", "data": {"message": "waiting"}, "transient": true}),
        json!({"type": "tool-output-available", "toolCallId": "c1", "output": {"found": 1}}),
        json!({"type": "finish-step"}),
        json!({"type": "start-step"}),
        json!({"type": "text-start", "id": "t2"}),
        json!({"type": "text-delta", "id": "t2", "delta": "Done."}),
        json!({"type": "text-end", "id": "t2"}),
        json!({"type": "finish-step"}),
        json!({"type": "finish", "messageMetadata": {"finishReason": "stop", "n": {"b": 2}}}),
    ]
}

fn refused(mut events: Vec<Value>, place: usize, event: Value) -> String {
    events.insert(place, event);
    fold(&events)
        .expect_err("a strict client refuses that")
        .problem
}

#[test]
fn a_whole_turn_becomes_one_message() {
    let message = fold(&whole_turn()).unwrap();

    assert_eq!(
        serde_json::to_value(&message).unwrap(),
        json!({
            "id": "m",
            "role": "assistant",
            "metadata": {"turnId": "t", "n": {"a": 1, "b": 2}, "finishReason": "stop"},
            "parts": [
                {"type": "data-files", "data": {"attached": []}},
                {"type": "step-start"},
                {"type": "reasoning", "text": "hm", "state": "done"},
                {"type": "text", "text": "Let me look", "state": "done"},
                {"type": "tool-find", "toolCallId": "c1", "state": "output-available",
                    "input": {"q": "x"}, "output": {"found": 1}},
                {"type": "tool-other", "toolCallId": "c2", "state": "output-error",
                    "errorText": "stopped"},
                {"type": "step-start"},
                {"type": "text", "text": "Done.", "state": "done"},
            ],
        })
    );
    assert_eq!(message.text(), "Let me lookDone.");
}

#[test]
fn unknown_fields_and_types_and_nulls_are_refused() {
    let turn = whole_turn;
    assert_eq!(
        refused(
            turn(),
            3,
            json!({"type": "text-start", "id": "x", "extra": 1})
        ),
        "the unknown field extra"
    );
    assert_eq!(
        refused(turn(), 3, json!({"type": "reset-step"})),
        "an unknown type"
    );
    assert_eq!(
        refused(
            turn(),
            3,
            json!({"type": "text-start", "id": "x", "providerMetadata": null})
        ),
        "the field providerMetadata is null"
    );
    assert_eq!(
        refused(turn(), 3, json!({"type": "text-start"})),
        "the field id is missing"
    );
    assert_eq!(
        refused(
            turn(),
            24,
            json!({"type": "finish", "finishReason": "stop"})
        ),
        "the unknown field finishReason"
    );
}

#[test]
fn blocks_calls_and_steps_keep_their_order() {
    let turn = whole_turn;
    let cases = [
        (
            3,
            json!({"type": "text-delta", "id": "t9", "delta": ""}),
            "the text block t9 is not open",
        ),
        (
            10,
            json!({"type": "text-end", "id": "t1"}),
            "the text block t1 is not open",
        ),
        (
            20,
            json!({"type": "text-start", "id": "t1"}),
            "the block id t1 is used twice",
        ),
        (
            8,
            json!({"type": "finish-step"}),
            "the text block t1 is still open",
        ),
        (
            8,
            json!({"type": "tool-input-start", "toolCallId": "c0", "toolName": "x"}),
            "the text block t1 is still open",
        ),
        (
            14,
            json!({"type": "finish-step"}),
            "the call c1 has neither output nor error",
        ),
        (
            11,
            json!({"type": "tool-output-available", "toolCallId": "c9", "output": 1}),
            "no call c9 began",
        ),
        (
            12,
            json!({"type": "tool-output-available", "toolCallId": "c1", "output": 1}),
            "the call c1 is answered before its input is there",
        ),
        (
            18,
            json!({"type": "tool-output-error", "toolCallId": "c1", "errorText": "x"}),
            "the call c1 is answered twice",
        ),
        (
            2,
            json!({"type": "text-start", "id": "x"}),
            "it is outside a step",
        ),
        (
            9,
            json!({"type": "abort"}),
            "the text block t1 is still open",
        ),
        (
            10,
            json!({"type": "error", "errorText": "x"}),
            "the step is still open",
        ),
        (
            1,
            json!({"type": "start", "messageId": "m"}),
            "a second start",
        ),
        (0, json!({"type": "start-step"}), "it comes before start"),
        (25, json!({"type": "finish"}), "it comes after finish"),
    ];
    for (place, event, problem) in cases {
        let case = format!("{event} at {place}");
        assert_eq!(refused(turn(), place, event), problem, "{case}");
    }
}

#[test]
fn an_abort_is_followed_by_finish_only() {
    let start = json!({"type": "start", "messageId": "m"});
    let abort = json!({"type": "abort"});
    let finish = json!({"type": "finish"});

    assert!(fold(&[start.clone(), abort.clone(), finish.clone()]).is_ok());
    let late = [start.clone(), abort.clone(), json!({"type": "start-step"})];
    assert_eq!(
        fold(&late).unwrap_err().problem,
        "only finish may follow error or abort"
    );
    assert_eq!(
        fold(&[start, abort]).unwrap_err().problem,
        "the stream ended without finish"
    );
}

#[test]
fn data_with_an_id_is_replaced_and_without_one_is_added() {
    let data = |id: Option<&str>, value: u8| match id {
        Some(id) => json!({"type": "data-plan", "id": id, "data": value}),
        None => json!({"type": "data-plan", "data": value}),
    };
    let message = fold(&[
        json!({"type": "start", "messageId": "m"}),
        data(Some("a"), 1),
        data(None, 2),
        data(Some("a"), 3),
        data(None, 4),
        json!({"type": "finish"}),
    ])
    .unwrap();

    assert_eq!(
        message.parts,
        [data(Some("a"), 3), data(None, 2), data(None, 4)]
    );
}

/// What a step of a made-up turn holds.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Reasoning(String),
    Call { input: String, output: Option<u8> },
    Data(u8),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        "[a-zü€ ]{0,12}".prop_map(Piece::Text),
        "[a-zü€ ]{0,12}".prop_map(Piece::Reasoning),
        ("[a-z\"\\\\ü]{0,8}", prop::option::of(any::<u8>()))
            .prop_map(|(input, output)| Piece::Call { input, output }),
        any::<u8>().prop_map(Piece::Data),
    ]
}

/// The events of a turn, its deltas of at most `width` characters.
fn events(steps: &[Vec<Piece>], width: usize) -> Vec<Value> {
    let mut events = vec![json!({"type": "start", "messageId": "m"})];
    let mut next_id = 0;
    for step in steps {
        events.push(json!({"type": "start-step"}));
        for piece in step {
            next_id += 1;
            push_piece(&mut events, piece, &format!("id{next_id}"), width);
        }
        events.push(json!({"type": "finish-step"}));
    }
    events.push(json!({"type": "finish", "messageMetadata": {"finishReason": "stop"}}));
    events
}

fn push_piece(events: &mut Vec<Value>, piece: &Piece, id: &str, width: usize) {
    match piece {
        Piece::Text(text) => push_block(events, "text", text, id, width),
        Piece::Reasoning(text) => push_block(events, "reasoning", text, id, width),
        Piece::Data(value) => events.push(json!({"type": "data-note", "id": id, "data": value})),
        Piece::Call { input, output } => {
            let input = json!({"q": input});
            events.push(json!({"type": "tool-input-start", "toolCallId": id, "toolName": "find"}));
            for delta in cut(&input.to_string(), width) {
                events.push(json!({
                    "type": "tool-input-delta", "toolCallId": id, "inputTextDelta": delta,
                }));
            }
            events.push(match output {
                Some(_) => json!({
                    "type": "tool-input-available", "toolCallId": id, "toolName": "find",
                    "input": input,
                }),
                None => json!({"type": "tool-output-error", "toolCallId": id, "errorText": "no"}),
            });
            if let Some(output) = output {
                events.push(json!({
                    "type": "tool-output-available", "toolCallId": id, "output": output,
                }));
            }
        }
    }
}

fn push_block(events: &mut Vec<Value>, kind: &str, text: &str, id: &str, width: usize) {
    events.push(json!({"type": format!("{kind}-start"), "id": id}));
    for delta in cut(text, width) {
        events.push(json!({"type": format!("{kind}-delta"), "id": id, "delta": delta}));
    }
    events.push(json!({"type": format!("{kind}-end"), "id": id}));
}

fn cut(text: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(width)
        .map(|piece| piece.iter().collect())
        .collect()
}

proptest! {
    #[test]
    fn merged_deltas_and_resumed_responses_make_the_same_message(
        steps in prop::collection::vec(prop::collection::vec(piece(), 0..5), 0..4),
        width in 1_usize..6,
        at in any::<prop::sample::Index>(),
    ) {
        let whole = fold(&events(&steps, usize::MAX)).unwrap();
        let small = events(&steps, width);
        let (first, second) = small.split_at(at.index(small.len()));
        let mut resumed = Fold::new();
        for event in first.iter().chain(second) {
            resumed.push(event).unwrap();
        }
        prop_assert_eq!(resumed.finish().unwrap(), whole);
    }

    #[test]
    fn a_structural_event_that_is_lost_or_doubled_is_noticed(
        steps in prop::collection::vec(prop::collection::vec(piece(), 1..4), 1..4),
        at in any::<prop::sample::Index>(),
        is_lost in any::<bool>(),
    ) {
        let mut stream = events(&steps, 3);
        let structural: Vec<usize> = (0..stream.len())
            .filter(|place| is_structural(&stream[*place]))
            .collect();
        let place = *at.get(&structural);
        if is_lost {
            stream.remove(place);
        } else {
            stream.insert(place, stream[place].clone());
        }
        prop_assert!(fold(&stream).is_err());
    }
}

/// Whether its loss, or its doubling, breaks the stream's grammar.
fn is_structural(event: &Value) -> bool {
    let kind = event["type"].as_str().unwrap();
    !kind.ends_with("-delta") && !kind.starts_with("data-")
}

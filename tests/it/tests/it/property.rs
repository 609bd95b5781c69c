//! Folding a live stream that was cut and resumed anywhere gives the same message as a full
//! replay, whatever the model said.

use std::time::Duration;

use copilot_harness::client::Item;
use copilot_harness::{Call, EventStream, Fold, Reply, TestStack, UiMessage};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::conversation::Conversation;

/// What the model says in one reply.
#[derive(Clone, Debug)]
struct Said {
    blocks: Vec<Block>,
    queries: Vec<String>,
}

#[derive(Clone, Debug)]
enum Block {
    Text(Vec<String>),
    Reasoning(Vec<String>),
}

/// How a client comes back after a cut.
#[derive(Clone, Copy, Debug)]
enum Way {
    Session,
    Turn,
    Query,
}

/// A cut after so many items, and the way back.
type Cut = (usize, Way);

const WORDS: [&str; 12] = [
    "a",
    "word ",
    "é",
    "👩‍👩‍👧",
    "\n\n",
    "data: ",
    "\r\n",
    "\"",
    "\\u0000",
    "{}",
    "\u{301}",
    "   ",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![select(&WORDS[..]).prop_map(str::to_owned), "[a-z]{1,12} "]
}

fn block() -> impl Strategy<Value = Block> {
    let words = || prop::collection::vec(word(), 1..12);
    prop_oneof![3 => words().prop_map(Block::Text), 1 => words().prop_map(Block::Reasoning)]
}

fn said(calls: std::ops::Range<usize>) -> impl Strategy<Value = Said> {
    let queries = prop::collection::vec("[a-z]{3,9} [a-z]{3,9}", calls);
    (prop::collection::vec(block(), 0..4), queries)
        .prop_map(|(blocks, queries)| Said { blocks, queries })
}

/// Replies with calls, and a last one without.
fn turn() -> impl Strategy<Value = Vec<Said>> {
    (prop::collection::vec(said(1..3), 0..3), said(0..1)).prop_map(|(mut replies, last)| {
        replies.push(last);
        replies
    })
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let way = select(&[Way::Session, Way::Turn, Way::Query][..]);
    prop::collection::vec((0_usize..15, way), 1..8)
}

fn reply(said: &Said) -> Reply {
    let mut reply = Reply::default();
    for block in &said.blocks {
        reply = match block {
            Block::Text(words) => reply.and_chunks(words.clone()),
            Block::Reasoning(words) => words.iter().fold(reply, Reply::and_reasoning),
        };
    }
    for query in &said.queries {
        reply = reply.call("search_docs", json!({"query": query}));
    }
    // Long enough on its way for the cuts to fall into it.
    reply.delay_between(Duration::from_millis(1))
}

fn text_of(replies: &[Said]) -> String {
    let blocks = replies.iter().flat_map(|said| &said.blocks);
    blocks
        .filter_map(|block| match block {
            Block::Text(words) => Some(words.concat()),
            Block::Reasoning(_) => None,
        })
        .collect()
}

fn back(chat: &Conversation, way: Way, turn: &str, cursor: &str) -> Call {
    match way {
        Way::Session => chat.resume(Some(cursor)),
        Way::Turn => chat.client.replay(&chat.id, turn, Some(cursor)),
        Way::Query => chat.resume(None).query("after", cursor),
    }
}

async fn read(stream: &mut EventStream, items: usize) {
    for _ in 0..items {
        if let Item::End(_) = stream.next_item().await {
            return;
        }
    }
}

/// Ask, hang up and come back again and again, and fold all that was heard.
async fn ask_in_pieces(chat: &Conversation, cuts: &[Cut]) -> (String, UiMessage) {
    let mut stream = chat.open("say something").await;
    stream.until(|event| event.is("start")).await;
    let turn = stream.seen().turn_id().to_owned();
    let mut cursor = stream.last_cursor().expect("a cursor of start").to_owned();
    let mut fold = Fold::new();
    for (items, way) in cuts {
        read(&mut stream, *items).await;
        fold.feed(stream.seen())
            .expect("a piece that fits the one before");
        if let Some(last) = stream.last_cursor() {
            last.clone_into(&mut cursor);
        }
        stream = back(chat, *way, &turn, &cursor).open().await;
    }
    let rest = stream.to_end().await;
    assert_eq!(rest.done, 1);
    fold.feed(&rest).expect("a rest that fits");
    (turn, fold.finish().expect("a whole message"))
}

#[test]
fn a_stream_cut_and_resumed_anywhere_folds_like_its_replay() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut stack = runtime.block_on(TestStack::start());
    let config = Config {
        cases: 24,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };

    TestRunner::new(config)
        .run(&(turn(), cuts()), |(replies, cuts)| {
            runtime.block_on(async {
                stack.llm.script(replies.iter().map(reply));
                let chat = Conversation::begin(&stack).await;
                let (turn, message) = ask_in_pieces(&chat, &cuts).await;
                let replay = chat
                    .client
                    .replay(&chat.id, &turn, None)
                    .events()
                    .to_finish()
                    .await;
                assert_eq!(message, replay.fold().expect("a whole replay"));
                assert_eq!(message.text(), text_of(&replies));
            });
            Ok(())
        })
        .unwrap();

    runtime.block_on(async {
        stack.restart().await;
        stack.finish().await;
    });
}

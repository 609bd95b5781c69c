//! The contract of [`TurnStreams`].

use crate::world::{delta, entry, key, nothing, soon};
use copilot_core::{
    event::{Entry, Event},
    port::stream::{Append, Appended, Begun, Live, LiveFeed, TurnStreams},
    position::{Attempt, Position},
    turn::TurnKey,
};
use copilot_infra::in_process::InProcessStreams;
use std::sync::Arc;

/// Tests of one adapter; `$make` is an expression that makes fresh, empty streams.
macro_rules! streams_suite {
    ($adapter:ident, $make:expr) => {
        mod $adapter {
            streams_suite!(@each $make,
                a_stream_begins_empty_and_stands_where_it_was_left
                a_lower_attempt_is_fenced_everywhere
                an_append_is_applied_only_where_the_stream_stands
                a_repeated_append_is_applied_once
                an_append_without_a_stream_is_lost
                an_append_of_an_attempt_that_has_not_begun_is_lost
                an_ended_stream_takes_nothing_more
                a_repeated_finish_was_done
                a_reader_gets_what_comes_after_its_position
                a_feed_opened_before_the_stream_gets_all_of_it
                feed_and_history_together_miss_nothing
                every_feed_gets_everything
                a_slow_feed_gets_everything_in_order
                a_passing_event_is_shown_and_not_stored
                a_passing_event_without_readers_is_gone
                an_abandoned_wait_loses_no_entry
                a_burial_ends_a_stream_and_fences_late_writers
                a_missing_stream_can_be_buried_too
                a_missing_stream_has_neither_entries_nor_status
                many_streams_are_asked_for_at_once
                two_turns_have_nothing_to_do_with_each_other
                many_deltas_keep_their_text_and_positions
            );
        }
    };
    (@each $make:expr, $($test:ident)+) => {$(
        #[tokio::test]
        async fn $test() {
            super::$test(&$make).await;
        }
    )+};
}

streams_suite!(
    in_process,
    copilot_infra::in_process::InProcessStreams::default()
);
streams_suite!(redis, *crate::redis::on_node().await);
streams_suite!(redis_cluster, *crate::redis::on_cluster().await);

pub(crate) fn append(
    attempt: Attempt,
    from: Position,
    entries: impl IntoIterator<Item = Entry>,
) -> Append {
    Append {
        attempt,
        from,
        entries: entries.into_iter().map(Arc::new).collect(),
    }
}

/// A stream of attempt 1 that stands at `1-2`.
pub(crate) async fn begun(streams: &dyn TurnStreams) -> TurnKey {
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    let two = append(1, Position::ZERO, [entry(1, 1), entry(1, 2)]);
    assert_eq!(streams.append(turn, two).await.unwrap(), Appended::Done);
    turn
}

pub(crate) async fn positions(streams: &dyn TurnStreams, turn: TurnKey) -> Vec<Position> {
    let entries = streams
        .read(turn, Position::ZERO)
        .await
        .unwrap()
        .unwrap_or_default();
    entries.iter().map(|entry| entry.position).collect()
}

/// What a feed brings, until it has brought the entry at `last`.
pub(crate) async fn follow_until(feed: &mut dyn LiveFeed, last: Position) -> Vec<Arc<Entry>> {
    let mut all: Vec<Arc<Entry>> = Vec::new();
    while all.last().is_none_or(|entry| entry.position < last) {
        match soon("entries", feed.next()).await {
            Live::Entries(entries) => all.extend(entries),
            other => panic!("no entries but {other:?}"),
        }
    }
    all
}

async fn a_stream_begins_empty_and_stands_where_it_was_left(streams: &dyn TurnStreams) {
    let turn = key();
    let new = Begun::At {
        position: Position::ZERO,
        former: None,
    };
    assert_eq!(streams.begin(turn, 1).await.unwrap(), new);
    streams
        .append(turn, append(1, Position::ZERO, [entry(0, 1), entry(1, 1)]))
        .await
        .unwrap();
    let again = Begun::At {
        position: Position::new(1, 1),
        former: Some(1),
    };
    assert_eq!(streams.begin(turn, 1).await.unwrap(), again);
    assert_eq!(streams.begin(turn, 3).await.unwrap(), again);
    let status = streams.status(turn).await.unwrap().unwrap();
    assert_eq!(
        (status.attempt, status.position, status.ended),
        (3, Position::new(1, 1), false)
    );
}

async fn a_lower_attempt_is_fenced_everywhere(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    streams.begin(turn, 2).await.unwrap();
    assert_eq!(streams.begin(turn, 1).await.unwrap(), Begun::Fenced);
    let late = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(
        streams.append(turn, late.clone()).await.unwrap(),
        Appended::Fenced
    );
    assert_eq!(streams.finish(turn, late).await.unwrap(), Appended::Fenced);
    assert_eq!(
        positions(streams, turn).await,
        [Position::new(1, 1), Position::new(1, 2)]
    );
}

async fn an_append_is_applied_only_where_the_stream_stands(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let ahead = append(1, Position::new(1, 3), [entry(1, 4)]);
    assert_eq!(
        streams.append(turn, ahead.clone()).await.unwrap(),
        Appended::Lost
    );
    assert_eq!(streams.finish(turn, ahead).await.unwrap(), Appended::Lost);
    let behind = append(1, Position::new(1, 1), [entry(1, 2), entry(1, 3)]);
    assert_eq!(streams.append(turn, behind).await.unwrap(), Appended::Lost);
    assert_eq!(
        positions(streams, turn).await,
        [Position::new(1, 1), Position::new(1, 2)]
    );
    assert!(!streams.status(turn).await.unwrap().unwrap().ended);
}

async fn a_repeated_append_is_applied_once(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let more = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(
        streams.append(turn, more.clone()).await.unwrap(),
        Appended::Done
    );
    assert_eq!(streams.append(turn, more).await.unwrap(), Appended::Done);
    assert_eq!(positions(streams, turn).await.len(), 3);
}

async fn an_append_without_a_stream_is_lost(streams: &dyn TurnStreams) {
    let turn = key();
    let first = append(1, Position::ZERO, [entry(1, 1)]);
    assert_eq!(
        streams.append(turn, first.clone()).await.unwrap(),
        Appended::Lost
    );
    assert_eq!(streams.finish(turn, first).await.unwrap(), Appended::Lost);
    assert!(streams.read(turn, Position::ZERO).await.unwrap().is_none());
}

async fn an_append_of_an_attempt_that_has_not_begun_is_lost(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let early = append(2, Position::new(1, 2), [entry(2, 1)]);
    assert_eq!(streams.append(turn, early).await.unwrap(), Appended::Lost);
}

async fn an_ended_stream_takes_nothing_more(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let mut reader = streams.follow(turn).await.unwrap();
    let last = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(streams.finish(turn, last).await.unwrap(), Appended::Done);

    let more = append(1, Position::new(1, 3), [entry(1, 4)]);
    assert_eq!(
        streams.append(turn, more.clone()).await.unwrap(),
        Appended::Fenced
    );
    assert_eq!(streams.finish(turn, more).await.unwrap(), Appended::Fenced);
    assert_eq!(streams.begin(turn, 2).await.unwrap(), Begun::Fenced);
    assert_eq!(positions(streams, turn).await.len(), 3);
    assert!(streams.status(turn).await.unwrap().unwrap().ended);
    follow_until(reader.as_mut(), Position::new(1, 3)).await;
}

async fn a_repeated_finish_was_done(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let last = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(
        streams.finish(turn, last.clone()).await.unwrap(),
        Appended::Done
    );
    assert_eq!(streams.finish(turn, last).await.unwrap(), Appended::Done);
}

async fn a_reader_gets_what_comes_after_its_position(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let hello = append(1, Position::new(1, 2), [delta(1, 7, "Hello")]);
    streams.append(turn, hello).await.unwrap();
    let after = streams
        .read(turn, Position::new(1, 2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        after.iter().map(|entry| entry.position).collect::<Vec<_>>(),
        [Position::new(1, 7)]
    );
    let inside = streams
        .read(turn, Position::new(1, 4))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        inside.first().map(|entry| entry.position),
        Some(Position::new(1, 7))
    );
    assert!(
        streams
            .read(turn, Position::new(1, 7))
            .await
            .unwrap()
            .unwrap()
            .is_empty()
    );
}

async fn a_feed_opened_before_the_stream_gets_all_of_it(streams: &dyn TurnStreams) {
    let turn = key();
    let mut feed = streams.follow(turn).await.unwrap();
    nothing("there is no stream yet", feed.next()).await;
    streams.begin(turn, 1).await.unwrap();
    streams
        .append(turn, append(1, Position::ZERO, [entry(1, 1)]))
        .await
        .unwrap();
    streams
        .finish(turn, append(1, Position::new(1, 1), [entry(1, 2)]))
        .await
        .unwrap();
    assert_eq!(
        follow_until(feed.as_mut(), Position::new(1, 2)).await.len(),
        2
    );
}

async fn feed_and_history_together_miss_nothing(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    streams
        .append(turn, append(1, Position::new(1, 2), [entry(1, 3)]))
        .await
        .unwrap();
    let history = streams.read(turn, Position::ZERO).await.unwrap().unwrap();
    streams
        .append(turn, append(1, Position::new(1, 3), [entry(1, 4)]))
        .await
        .unwrap();
    let live = follow_until(feed.as_mut(), Position::new(1, 4)).await;

    let seen = history.last().unwrap().position;
    let fresh = live.iter().filter(|entry| entry.position > seen);
    let units: Vec<u64> = history
        .iter()
        .chain(fresh)
        .map(|entry| entry.position.unit)
        .collect();
    assert_eq!(units, [1, 2, 3, 4]);
}

async fn every_feed_gets_everything(streams: &dyn TurnStreams) {
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    let mut feeds = Vec::new();
    for _ in 0..5 {
        feeds.push(streams.follow(turn).await.unwrap());
    }
    streams
        .append(turn, append(1, Position::ZERO, [entry(1, 1)]))
        .await
        .unwrap();
    streams
        .finish(turn, append(1, Position::new(1, 1), [entry(1, 2)]))
        .await
        .unwrap();
    for feed in &mut feeds {
        assert_eq!(
            follow_until(feed.as_mut(), Position::new(1, 2)).await.len(),
            2
        );
    }
}

async fn a_slow_feed_gets_everything_in_order(streams: &dyn TurnStreams) {
    const UNITS: u64 = 2_000;
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    let mut feed = streams.follow(turn).await.unwrap();
    let mut from = Position::ZERO;
    for unit in 1..=UNITS {
        streams
            .append(turn, append(1, from, [entry(1, unit)]))
            .await
            .unwrap();
        from = Position::new(1, unit);
    }
    let mut last = Position::ZERO;
    while last < from {
        let entries = match soon("entries", feed.next()).await {
            Live::Entries(entries) => entries,
            Live::Missed => streams.read(turn, last).await.unwrap().unwrap(),
            Live::Passing(event) => panic!("nobody published {event:?}"),
        };
        for entry in entries
            .iter()
            .filter(|entry| entry.position > last)
            .collect::<Vec<_>>()
        {
            assert_eq!(entry.position.unit, last.unit + 1);
            last = entry.position;
        }
    }
}

async fn a_passing_event_is_shown_and_not_stored(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    streams
        .publish(turn, Event::status("queued"))
        .await
        .unwrap();
    match soon("a passing event", feed.next()).await {
        Live::Passing(event) => assert_eq!(event, Event::status("queued")),
        other => panic!("no passing event but {other:?}"),
    }
    assert_eq!(positions(streams, turn).await.len(), 2);
    nothing("a passing event came twice", feed.next()).await;
}

async fn a_passing_event_without_readers_is_gone(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    streams
        .publish(turn, Event::status("queued"))
        .await
        .unwrap();
    streams
        .publish(key(), Event::status("queued"))
        .await
        .unwrap();
    let mut late = streams.follow(turn).await.unwrap();
    nothing("an event from before the reading", late.next()).await;
}

async fn an_abandoned_wait_loses_no_entry(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    nothing("there is nothing new yet", feed.next()).await;
    streams
        .append(turn, append(1, Position::new(1, 2), [entry(1, 3)]))
        .await
        .unwrap();
    assert_eq!(
        follow_until(feed.as_mut(), Position::new(1, 3)).await.len(),
        1
    );
}

async fn a_burial_ends_a_stream_and_fences_late_writers(streams: &dyn TurnStreams) {
    let turn = begun(streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    streams
        .bury(turn, append(2, Position::new(1, 2), [entry(2, 1)]))
        .await
        .unwrap();
    assert_eq!(
        follow_until(feed.as_mut(), Position::new(2, 1)).await.len(),
        1
    );
    assert!(streams.status(turn).await.unwrap().unwrap().ended);
    let late = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(streams.append(turn, late).await.unwrap(), Appended::Fenced);
    assert_eq!(streams.begin(turn, 3).await.unwrap(), Begun::Fenced);
}

async fn a_missing_stream_can_be_buried_too(streams: &dyn TurnStreams) {
    let turn = key();
    streams
        .bury(turn, append(1, Position::ZERO, [entry(1, 1)]))
        .await
        .unwrap();
    assert_eq!(streams.begin(turn, 0).await.unwrap(), Begun::Fenced);
    let late = append(0, Position::ZERO, [entry(0, 1)]);
    assert_eq!(streams.append(turn, late).await.unwrap(), Appended::Fenced);
}

async fn a_missing_stream_has_neither_entries_nor_status(streams: &dyn TurnStreams) {
    let turn = key();
    assert!(streams.read(turn, Position::ZERO).await.unwrap().is_none());
    assert_eq!(streams.status(turn).await.unwrap(), None);
    let _feed = streams.follow(turn).await.unwrap();
    assert!(streams.read(turn, Position::ZERO).await.unwrap().is_none());
    assert_eq!(streams.status(turn).await.unwrap(), None);
    streams.keep_alive(&[turn]).await.unwrap();
}

async fn many_streams_are_asked_for_at_once(streams: &dyn TurnStreams) {
    let (one, missing, other) = (begun(streams).await, key(), begun(streams).await);
    streams.begin(other, 2).await.unwrap();
    let asked = [other, missing, one];
    let statuses = streams.statuses(&asked).await.unwrap();
    let attempts: Vec<_> = statuses
        .iter()
        .map(|status| status.map(|status| status.attempt))
        .collect();
    assert_eq!(attempts, [Some(2), None, Some(1)]);
    assert_eq!(statuses[2], streams.status(one).await.unwrap());
    assert!(streams.statuses(&[]).await.unwrap().is_empty());
}

async fn two_turns_have_nothing_to_do_with_each_other(streams: &dyn TurnStreams) {
    let one = begun(streams).await;
    let other = TurnKey {
        session_id: one.session_id,
        ..key()
    };
    let mut feed = streams.follow(other).await.unwrap();
    assert_eq!(
        streams.begin(other, 1).await.unwrap(),
        Begun::At {
            position: Position::ZERO,
            former: None
        }
    );
    streams
        .finish(one, append(1, Position::new(1, 2), [entry(1, 3)]))
        .await
        .unwrap();
    nothing("an entry of another turn", feed.next()).await;
    assert!(!streams.status(other).await.unwrap().unwrap().ended);
}

async fn many_deltas_keep_their_text_and_positions(streams: &dyn TurnStreams) {
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    streams
        .append(turn, append(1, Position::ZERO, [entry(1, 1)]))
        .await
        .unwrap();
    let mut expected = String::new();
    for unit in 2..=1_001 {
        let text = if unit % 7 == 0 { "é" } else { "a" };
        expected.push_str(text);
        let from = Position::new(1, unit - 1);
        streams
            .append(turn, append(1, from, [delta(1, unit, text)]))
            .await
            .unwrap();
    }
    let cursor = Position::new(1, 501);
    let rest = streams.read(turn, cursor).await.unwrap().unwrap();
    let mut text = String::new();
    let mut at = cursor;
    for entry in rest {
        let fresh = if entry.first() <= at {
            entry.after(at)
        } else {
            Entry::clone(&entry)
        };
        assert_eq!(fresh.first().unit, at.unit + 1);
        text.push_str(fresh.event.delta().unwrap());
        at = fresh.position;
    }
    assert_eq!(text, expected.chars().skip(500).collect::<String>());
    assert_eq!(at, Position::new(1, 1_001));
}

#[tokio::test]
async fn a_stream_in_memory_vanishes_with_its_last_reader() {
    let streams = InProcessStreams::default();
    let turn = begun(&streams).await;
    let first = streams.follow(turn).await.unwrap();
    let second = streams.follow(turn).await.unwrap();
    streams
        .finish(turn, append(1, Position::new(1, 2), [entry(1, 3)]))
        .await
        .unwrap();
    drop(first);
    assert_eq!(positions(&streams, turn).await.len(), 3);
    drop(second);
    assert!(streams.read(turn, Position::ZERO).await.unwrap().is_none());
    assert_eq!(streams.open(), 0);
}

#[tokio::test]
async fn a_stream_in_memory_that_nobody_reads_vanishes_at_its_end() {
    let streams = InProcessStreams::default();
    let turn = begun(&streams).await;
    streams
        .finish(turn, append(1, Position::new(1, 2), [entry(1, 3)]))
        .await
        .unwrap();
    assert_eq!(streams.open(), 0);
    let late = append(1, Position::new(1, 3), [entry(1, 4)]);
    assert_eq!(streams.append(turn, late).await.unwrap(), Appended::Fenced);
    drop(streams.follow(key()).await.unwrap());
    assert_eq!(streams.open(), 0);
}

#[tokio::test]
async fn what_was_forgotten_in_memory_is_lost_to_writers_and_missed_by_readers() {
    let streams = InProcessStreams::default();
    let turn = begun(&streams).await;
    let mut feed = streams.follow(turn).await.unwrap();
    streams.forget_all();
    assert!(matches!(
        soon("word of it", feed.next()).await,
        Live::Missed
    ));
    assert!(streams.read(turn, Position::ZERO).await.unwrap().is_none());
    let next = append(1, Position::new(1, 2), [entry(1, 3)]);
    assert_eq!(streams.append(turn, next).await.unwrap(), Appended::Lost);

    streams.begin(turn, 1).await.unwrap();
    let rewritten = append(1, Position::ZERO, [entry(1, 1), entry(1, 2), entry(1, 3)]);
    streams.append(turn, rewritten).await.unwrap();
    let live = follow_until(feed.as_mut(), Position::new(1, 3)).await;
    assert_eq!(
        live.first().map(|entry| entry.position),
        Some(Position::new(1, 3))
    );
}

#[tokio::test]
async fn a_long_stream_in_memory_stays_small() {
    let streams = InProcessStreams::default();
    let turn = key();
    streams.begin(turn, 1).await.unwrap();
    for unit in 1..=10_000 {
        let from = if unit == 1 {
            Position::ZERO
        } else {
            Position::new(1, unit - 1)
        };
        streams
            .append(turn, append(1, from, [delta(1, unit, "x")]))
            .await
            .unwrap();
    }
    assert!(positions(&streams, turn).await.len() < 100);
}

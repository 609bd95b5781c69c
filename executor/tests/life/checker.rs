//! The one judge of every history: what is left in the database and in the world.

use crate::{
    book::Said,
    fold::{Fold, Folded, Part},
    reader::{Read, read_all},
    world::{PATIENCE, World},
};
use copilot_core::{
    event::{Entry, Event},
    ledger::{CallOutcome, Effect},
    message::{Message, Role, ToolCall},
    outline::living,
    pen::CALL_STOPPED,
    port::{
        store::{Page, Recorded, SessionStore, TurnRecords, TurnUpkeep, end_of},
        stream::TurnStreams,
    },
    position::Position,
    session::{ActiveMessages, MessagePage, SessionStatus},
    turn::{ErrorCode, FinishReason, Turn, TurnStatus},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

type Checked = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            return Err(format!($($otherwise)+));
        }
    };
}

/// Judges a world in which every turn has ended and a healthy executor runs. `readers` are what
/// readers of its turns came to.
pub(crate) async fn check(world: &Arc<World>, readers: Vec<(Turn, Read)>) -> Checked {
    let mut kept = HashSet::new();
    for session in world.sessions() {
        check_session(world, session, &mut kept).await?;
    }
    check_effects(world, &kept).await?;
    check_ends(world).await?;
    ensure!(
        world.book.complaints().is_empty(),
        "the model complains: {:?}",
        world.book.complaints()
    );
    for (turn, read) in readers {
        check_reader(world, &turn, read).await?;
    }
    check_nothing_left(world).await
}

/// [`check`], with the log in the panic.
pub(crate) async fn approve(world: &Arc<World>, readers: Vec<(Turn, Read)>) {
    if std::env::var_os("LIFE_LOG").is_some() {
        eprintln!("{}", world.log.text());
    }
    if let Err(problem) = check(world, readers).await {
        panic!("{problem}\n{}", world.log.text());
    }
}

/// No end was told twice, and what was told is what is stored. One may be missing: of a process
/// that died between the two.
async fn check_ends(world: &Arc<World>) -> Checked {
    for (name, turn) in world.asked() {
        let told = world.ends.of(turn.id);
        ensure!(told.len() <= 1, "{name}: its end was told twice: {told:?}");
        let (Some(told), Some(row)) = (told.first(), world.find(&turn).await) else {
            continue;
        };
        ensure!(
            (told.status, told.attempt, told.steps, told.usage)
                == (row.status, row.attempt, row.steps, row.usage),
            "{name}: told is {told:?}, stored is {row:?}"
        );
    }
    Ok(())
}

/// A session's turns ran in their order, one at a time, and left a valid history.
async fn check_session(
    world: &Arc<World>,
    session: copilot_core::id::SessionId,
    kept: &mut HashSet<String>,
) -> Checked {
    let page = MessagePage {
        active: ActiveMessages::Shown,
        ..MessagePage::default()
    };
    let Some(snapshot) = world
        .store
        .snapshot(&world.owner, session, page)
        .await
        .unwrap()
    else {
        return Ok(());
    };
    ensure!(
        snapshot.session.status == SessionStatus::Idle,
        "a session is {:?}",
        snapshot.session.status
    );
    ensure!(
        snapshot.active_stream.is_none(),
        "an ended session has an active stream"
    );
    let all = Page {
        limit: 1_000,
        offset: 0,
    };
    let mut turns = world
        .store
        .list_turns(&world.owner, session, all)
        .await
        .unwrap()
        .unwrap()
        .items;
    turns.reverse();
    let mut former_end = None;
    for turn in &turns {
        ensure!(
            turn.finished_at.is_some(),
            "{} has no end",
            world.log.name_of(turn.id)
        );
        if let Some(started_at) = turn.started_at {
            ensure!(
                former_end <= Some(started_at),
                "{} began before its time",
                world.log.name_of(turn.id)
            );
            former_end = former_end.max(turn.finished_at);
        }
    }
    ensure!(
        snapshot
            .messages
            .is_sorted_by(|one, next| one.sequence < next.sequence),
        "the messages are out of order"
    );
    let ids: HashSet<_> = snapshot.messages.iter().map(|message| message.id).collect();
    ensure!(
        ids.len() == snapshot.messages.len(),
        "a message is there twice"
    );
    for turn in turns {
        let own: Vec<&Message> = snapshot
            .messages
            .iter()
            .filter(|message| message.turn_id == turn.id)
            .collect();
        let name = world.log.name_of(turn.id);
        kept.extend(
            own.iter()
                .flat_map(|message| &message.tool_calls)
                .map(|call| call.id.clone()),
        );
        check_turn(world, &name, turn, &own)
            .await
            .map_err(|problem| format!("{name}: {problem}"))?;
    }
    Ok(())
}

async fn check_turn(world: &Arc<World>, name: &str, turn: Turn, messages: &[&Message]) -> Checked {
    check_row(&turn)?;
    let recorded = world
        .store
        .recorded(turn.key())
        .await
        .unwrap()
        .ok_or("no record")?;
    check_parts(&recorded)?;
    let folded = Fold::of(&recorded.parts)?;
    check_end(&turn, &folded)?;
    let opening = messages.first().ok_or("no message began it")?;
    ensure!(
        opening.role == Role::User && opening.content.as_deref() == Some(name),
        "the wrong opening"
    );
    let answers = answers(&messages[1..])?;
    check_answers(&turn, &folded, &answers)?;
    check_said(world, name, &turn, &answers)?;
    let again = read_all(world, &turn).await?;
    ensure!(again.retries == 0, "a replay tells of a retry");
    let [v5, v7] = again.folded.ok_or("the replay is gone")?;
    ensure!(
        v5 == folded && v7 == folded,
        "a replay differs: {v7:#?}\n{folded:#?}"
    );
    Ok(())
}

fn check_row(turn: &Turn) -> Checked {
    ensure!(turn.status.is_terminal(), "it is {:?}", turn.status);
    match turn.status {
        TurnStatus::Completed => {
            ensure!(
                turn.finish_reason == Some(FinishReason::Stop),
                "reason {:?}",
                turn.finish_reason
            );
            ensure!(turn.error.is_none(), "it completed with {:?}", turn.error);
        }
        TurnStatus::Cancelled => {
            ensure!(turn.cancel_requested, "nobody cancelled it");
            ensure!(
                turn.finish_reason == Some(FinishReason::Interrupted),
                "reason {:?}",
                turn.finish_reason
            );
        }
        _ => {
            ensure!(
                turn.finish_reason == Some(FinishReason::Error),
                "reason {:?}",
                turn.finish_reason
            );
            ensure!(turn.error.is_some(), "it failed without an error");
        }
    }
    Ok(())
}

/// Contiguous, none of them dead, and one finish, at the end.
fn check_parts(recorded: &Recorded) -> Checked {
    let parts = &recorded.parts;
    ensure!(
        living(parts).len() == parts.len(),
        "dead entries were recorded: {}",
        positions(parts)
    );
    ensure!(
        recorded.turn.durable == end_of(parts),
        "the durable point is not the end of the parts"
    );
    ensure!(
        end_of(parts).attempt <= recorded.turn.attempt,
        "parts of an attempt that never was"
    );
    let mut at = Position::ZERO;
    for entry in parts {
        let first = entry.first();
        let adjoins = match entry.event {
            Event::Reset { from, attempt, .. } => {
                from == at
                    && attempt == entry.position.attempt
                    && first == Position::new(attempt, 1)
            }
            _ if first.attempt == at.attempt => first.unit == at.unit + 1,
            _ => at.attempt == 0 && first == Position::new(1, 1),
        };
        ensure!(
            adjoins,
            "{first} does not adjoin {at} in {}",
            positions(parts)
        );
        at = entry.position;
    }
    let finishes = parts
        .iter()
        .filter(|entry| matches!(entry.event, Event::Finish { .. }))
        .count();
    ensure!(
        finishes == 1,
        "{finishes} times finish: {}",
        positions(parts)
    );
    ensure!(
        matches!(parts.last().unwrap().event, Event::Finish { .. }),
        "finish is not the last"
    );
    Ok(())
}

fn positions(parts: &[Entry]) -> String {
    let line = |entry: &Entry| format!("{}..{} {:?}", entry.first(), entry.position, entry.event);
    parts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check_end(turn: &Turn, folded: &Folded) -> Checked {
    let finish = folded.end.finish.as_ref().ok_or("no finish")?;
    ensure!(folded.id == Some(turn.answer_id), "another answer's id");
    ensure!(finish.turn_id == turn.id, "another turn's finish");
    ensure!(
        Some(finish.finish_reason) == turn.finish_reason,
        "finish says {:?}",
        finish.finish_reason
    );
    ensure!(
        finish.usage == turn.usage,
        "finish says {:?}, the row {:?}",
        finish.usage,
        turn.usage
    );
    ensure!(
        folded.end.error == turn.error,
        "the stream says {:?}, the row {:?}",
        folded.end.error,
        turn.error
    );
    ensure!(
        folded.end.aborted == (turn.status == TurnStatus::Cancelled),
        "aborted: {}, but {:?}",
        folded.end.aborted,
        turn.status
    );
    Ok(())
}

/// An assistant message and what its calls were answered.
struct Answer<'a> {
    message: &'a Message,
    results: Vec<&'a Message>,
}

/// Each call is answered exactly once, right behind, in the order of the calls.
fn answers<'a>(messages: &[&'a Message]) -> Result<Vec<Answer<'a>>, String> {
    let mut answers: Vec<Answer<'a>> = Vec::new();
    for message in messages {
        match message.role {
            Role::Assistant => answers.push(Answer {
                message,
                results: Vec::new(),
            }),
            Role::Tool => answers
                .last_mut()
                .ok_or("a result before any call")?
                .results
                .push(message),
            Role::User | Role::System => {
                return Err(format!("a message of {:?} in an answer", message.role));
            }
        }
    }
    for answer in &answers {
        let asked: Vec<&str> = answer
            .message
            .tool_calls
            .iter()
            .map(|call| call.id.as_str())
            .collect();
        let answered: Vec<&str> = answer
            .results
            .iter()
            .filter_map(|result| result.tool_call_id.as_deref())
            .collect();
        ensure!(asked == answered, "asked {asked:?}, answered {answered:?}");
    }
    Ok(answers)
}

/// One step of the stream, as the messages keep it.
#[derive(Default)]
struct Step<'a> {
    text: String,
    reasoning: String,
    calls: Vec<(&'a str, &'a str, Option<&'a CallOutcome>)>,
}

fn steps(folded: &Folded) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for part in &folded.parts {
        match part {
            Part::Files(_) => {}
            Part::Step => steps.push(Step::default()),
            Part::Text { text, .. } => steps.last_mut().unwrap().text.push_str(text),
            Part::Reasoning { text, .. } => steps.last_mut().unwrap().reasoning.push_str(text),
            Part::Call {
                id, name, outcome, ..
            } => {
                steps
                    .last_mut()
                    .unwrap()
                    .calls
                    .push((id, name, outcome.as_ref()));
            }
        }
    }
    steps
}

/// The messages say what the stream says. A turn that ended early has a last answer for what
/// was begun, which may be empty.
fn check_answers(turn: &Turn, folded: &Folded, answers: &[Answer<'_>]) -> Checked {
    let steps = steps(folded);
    if turn.started_at.is_none() {
        ensure!(
            steps.is_empty() && answers.is_empty(),
            "it never ran, and has an answer"
        );
        return Ok(());
    }
    let committed = usize::try_from(turn.steps).unwrap();
    let expected = if turn.status == TurnStatus::Completed {
        committed
    } else {
        committed + 1
    };
    ensure!(
        answers.len() == expected,
        "{} answers, {committed} replies, {:?}",
        answers.len(),
        turn.status
    );
    ensure!(
        (committed..=expected).contains(&steps.len()),
        "{} steps, {committed} replies",
        steps.len()
    );
    for (n, answer) in answers.iter().enumerate() {
        let Some(step) = steps.get(n) else {
            ensure!(
                answer.message.content.as_deref() == Some(""),
                "an answer that was never shown"
            );
            continue;
        };
        let content = answer.message.content.clone().unwrap_or_default();
        ensure!(
            content == step.text,
            "saved {content:?}, shown {:?}",
            step.text
        );
        let reasoning: String = answer
            .message
            .reasoning
            .iter()
            .map(|piece| piece.text.as_str())
            .collect();
        ensure!(
            reasoning == step.reasoning,
            "saved {reasoning:?}, thought {:?}",
            step.reasoning
        );
        if n < committed {
            check_calls(answer, step)?;
        } else {
            ensure!(
                answer.message.tool_calls.is_empty(),
                "a broken reply keeps its calls"
            );
        }
    }
    Ok(())
}

fn check_calls(answer: &Answer<'_>, step: &Step<'_>) -> Checked {
    let saved: Vec<_> = answer
        .message
        .tool_calls
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str()))
        .collect();
    let shown: Vec<_> = step
        .calls
        .iter()
        .map(|(id, name, _)| (*id, *name))
        .collect();
    ensure!(saved == shown, "saved calls {saved:?}, shown {shown:?}");
    for (result, (id, _, outcome)) in answer.results.iter().zip(&step.calls) {
        let outcome = outcome.ok_or_else(|| format!("call {id} has no outcome in the stream"))?;
        ensure!(
            result.content.as_ref() == Some(&outcome.for_model()),
            "call {id}: saved {:?}, shown {outcome:?}",
            result.content
        );
    }
    Ok(())
}

/// What is saved is what the model said: whole replies, and of a broken one the beginning.
fn check_said(world: &World, name: &str, turn: &Turn, answers: &[Answer<'_>]) -> Checked {
    let said = world.book.said(name);
    for (n, answer) in answers.iter().enumerate() {
        let step = u32::try_from(n + 1).unwrap();
        let content = answer.message.content.clone().unwrap_or_default();
        let reasoning: String = answer
            .message
            .reasoning
            .iter()
            .map(|piece| piece.text.as_str())
            .collect();
        let whole = step <= turn.steps;
        let matches = |said: &&Said| {
            let calls = |call: &ToolCall| {
                answer
                    .message
                    .tool_calls
                    .iter()
                    .any(|saved| saved.name == call.name)
            };
            if whole {
                said.whole_text() == content
                    && said.whole_reasoning() == reasoning
                    && said.calls.iter().all(calls)
            } else {
                said.whole_text().starts_with(&content)
                    && said.whole_reasoning().starts_with(&reasoning)
            }
        };
        let found = said.iter().filter(|said| said.step == step).find(matches);
        let nothing = content.is_empty() && reasoning.is_empty();
        ensure!(
            found.is_some() || (!whole && nothing),
            "step {step}: nobody said {content:?}, but {said:#?}"
        );
    }
    let script = world.book.script(name).unwrap();
    match turn.status {
        TurnStatus::Completed => {
            ensure!(script.can_complete(), "it completed against the book");
            ensure!(
                answers.len() == script.steps.len(),
                "{} of {} steps",
                answers.len(),
                script.steps.len()
            );
        }
        TurnStatus::Failed => match turn.error.as_ref().map(|error| error.code) {
            Some(ErrorCode::AttemptsExhausted) => {
                ensure!(turn.lost_attempts > 0, "attempts exhausted, none was lost");
            }
            Some(ErrorCode::StreamError) => {
                ensure!(!script.can_complete(), "it broke off against the book");
            }
            Some(ErrorCode::Internal) => {
                ensure!(
                    script.has_fatal_call(),
                    "it failed against the book: {:?}",
                    turn.error
                );
            }
            Some(ErrorCode::TurnTimeout) => {}
            other => return Err(format!("it failed with {other:?}")),
        },
        _ => {}
    }
    Ok(())
}

/// What tools did belongs to calls that were committed, and Once happened once.
async fn check_effects(world: &World, kept: &HashSet<String>) -> Checked {
    let mut deleted = Vec::new();
    for (_, turn) in world.asked() {
        if world.find(&turn).await.is_none() {
            deleted.push(Some(turn.id));
        }
    }
    let outcomes = outcomes(world).await;
    for (call, done) in world.effects.all() {
        let once = done.tool == Effect::Once.as_str();
        ensure!(
            !once || done.times == 1,
            "{call} happened {} times",
            done.times
        );
        ensure!(
            deleted.contains(&done.turn) || kept.contains(&call),
            "{call} ran without a committed reply"
        );
        let Some(saved) = outcomes.get(&call) else {
            continue;
        };
        let given = done
            .results
            .iter()
            .any(|result| result.to_string() == *saved);
        let error = saved.contains("\"error\"");
        ensure!(
            given || error,
            "{call}: saved {saved}, the tool gave {:?}",
            done.results
        );
    }
    for (call, saved) in &outcomes {
        let ran = world.effects.all().contains_key(call);
        ensure!(
            ran || saved.contains("\"error\""),
            "{call} never ran, and is answered {saved}"
        );
    }
    Ok(())
}

/// What the history tells of each call.
async fn outcomes(world: &World) -> HashMap<String, String> {
    let mut outcomes = HashMap::new();
    for session in world.sessions() {
        let page = MessagePage {
            active: ActiveMessages::Shown,
            ..MessagePage::default()
        };
        let snapshot = world
            .store
            .snapshot(&world.owner, session, page)
            .await
            .unwrap();
        for message in snapshot.into_iter().flat_map(|snapshot| snapshot.messages) {
            if let Some(call) = message.tool_call_id {
                outcomes.insert(call, message.content.unwrap_or_default());
            }
        }
    }
    outcomes
}

async fn check_reader(world: &World, turn: &Turn, read: Read) -> Checked {
    let name = world.log.name_of(turn.id);
    let Some(recorded) = world.store.recorded(turn.key()).await.unwrap() else {
        return Ok(());
    };
    let folded = Fold::of(&recorded.parts).map_err(|problem| format!("{name}: {problem}"))?;
    let [v5, v7] = read
        .folded
        .ok_or_else(|| format!("a reader of {name} was sent away"))?;
    ensure!(
        v7 == folded,
        "{name}: a reader (v7) has {v7:#?}, saved is {folded:#?}"
    );
    ensure!(
        v5 == folded,
        "{name}: a reader (v5) has {v5:#?}, saved is {folded:#?}"
    );
    Ok(())
}

/// Nobody owns an ended turn, and no stream is open any more. Two kinds may be left, which
/// expire where there is a server and cannot be where there is none: of a deleted session one
/// that never got its end, and one that a zombie began after all had been forgotten.
async fn check_nothing_left(world: &World) -> Checked {
    let deadline = Instant::now() + PATIENCE / 4;
    loop {
        let (mut owned, mut open, mut excused) = (Vec::new(), Vec::new(), false);
        for (name, turn) in world.asked() {
            let Some(row) = world.find(&turn).await else {
                excused = true;
                continue;
            };
            let live = world.streams.status(turn.key()).await.unwrap();
            match live.filter(|live| !live.ended) {
                Some(live) if live.attempt < row.attempt => excused = true,
                Some(_) => open.push(name.clone()),
                None => {}
            }
            if row.owner.is_some() {
                owned.push(name);
            }
        }
        let unfinished = world.store.unfinished_streams(100).await.unwrap();
        let slots = if excused { 0 } else { world.streams.open() };
        if owned.is_empty() && open.is_empty() && unfinished.is_empty() && slots == 0 {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "left behind: owners of {owned:?}, open streams of {open:?} ({slots} in all), unfinished {unfinished:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a call of this turn was answered as cut off.
pub(crate) async fn was_stopped(world: &World, turn: &Turn) -> bool {
    let page = MessagePage {
        active: ActiveMessages::Shown,
        ..MessagePage::default()
    };
    let snapshot = world
        .store
        .snapshot(&world.owner, turn.session_id, page)
        .await
        .unwrap()
        .unwrap();
    snapshot.messages.iter().any(|message| {
        message.turn_id == turn.id
            && message
                .content
                .as_ref()
                .is_some_and(|text| text.contains(CALL_STOPPED))
    })
}

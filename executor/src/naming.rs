//! Giving a session its title, beside its first turn. Nothing of it can fail the turn.

use crate::{
    deps::Deps,
    halt::{Halt, StopCause},
    metrics::ExecutorMetrics,
};
use copilot_core::{
    event::Event,
    message::{Message, MessageStatus, Role},
    port::{store::Store, stream::TurnStreams},
    title,
    turn::{OpeningRole, Turn, TurnKey},
};
use copilot_engine::Engine;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a turn's end waits for a title that only has to be stored or shown.
const GRACE: Duration = Duration::from_millis(250);

/// A title in the making.
pub(crate) struct Naming {
    key: TurnKey,
    streams: Arc<dyn TurnStreams>,
    made: watch::Receiver<Option<String>>,
    source: Source,
}

/// Where a title comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    FirstLine,
    Model,
}

impl Naming {
    /// Begins to name the session of `turn` by the first message of a person in `history`;
    /// none: there are no words to name it by.
    pub(crate) fn begin(
        deps: &Deps,
        halt: &Arc<Halt>,
        turn: &Turn,
        history: &[Message],
    ) -> Option<Self> {
        if turn.request.opening_role != OpeningRole::User {
            return None;
        }
        let words = title::own_words(first_words(history)?);
        let first_line = title::first_line(words)?;
        let (tell, made) = watch::channel(None);
        let model = deps.engine.title_model();
        let naming = Self {
            key: turn.key(),
            streams: Arc::clone(&deps.streams),
            made,
            source: model.map_or(Source::FirstLine, |_| Source::Model),
        };
        let work = NamingWork {
            key: turn.key(),
            store: Arc::clone(&deps.store),
            streams: Arc::clone(&deps.streams),
            engine: Arc::clone(&deps.engine),
            halt: Arc::clone(halt),
            metrics: Arc::clone(&deps.metrics),
            tell,
        };
        let model = model.map(|model| (model.to_owned(), words.to_owned()));
        deps.tasks.spawn(work.run(first_line, model));
        Some(naming)
    }

    /// Before the turn's end: shows the title once more, to readers who came after it was
    /// made. A model that is still at work is not waited for.
    pub(crate) async fn show(mut self) {
        let showing = async {
            if self.source == Source::FirstLine {
                // Closed: it was not needed after all.
                let _ = self.made.wait_for(Option::is_some).await;
            }
            let made = self.made.borrow().clone();
            if let Some(title) = made {
                publish(&*self.streams, self.key, title).await;
            }
        };
        // In vain: the title is stored all the same, and seen on a reload.
        let _ = tokio::time::timeout(GRACE, showing).await;
    }
}

struct NamingWork {
    key: TurnKey,
    store: Arc<dyn Store>,
    streams: Arc<dyn TurnStreams>,
    engine: Arc<Engine>,
    halt: Arc<Halt>,
    metrics: Arc<ExecutorMetrics>,
    tell: watch::Sender<Option<String>>,
}

impl NamingWork {
    async fn run(self, first_line: String, model: Option<(String, String)>) {
        let by_model = match model {
            Some((model, words)) => {
                let asking = self.ask(&model, &words);
                self.halt
                    .token()
                    .run_until_cancelled(asking)
                    .await
                    .flatten()
            }
            None => None,
        };
        if matches!(
            self.halt.cause(),
            Some(StopCause::Fenced | StopCause::Drained)
        ) {
            return;
        }
        let title = by_model.unwrap_or(first_line);
        match self.store.name_session(self.key.session_id, &title).await {
            Ok(true) => {
                self.tell.send_replace(Some(title.clone()));
                publish(&*self.streams, self.key, title).await;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(session_id = self.key.session_id.tag(), %error, source = %error.source, "session not named, its next turn tries again");
            }
        }
    }

    async fn ask(&self, model: &str, words: &str) -> Option<String> {
        let titled = self.engine.title(model, words).await;
        self.metrics.replied(model, titled.usage);
        tracing::info!(
            session_id = self.key.session_id.tag(), turn_id = %self.key.turn_id, model,
            input_tokens = titled.usage.input_tokens, output_tokens = titled.usage.output_tokens,
            made = titled.title.is_some(), "title asked for"
        );
        titled.title
    }
}

async fn publish(streams: &dyn TurnStreams, key: TurnKey, title: String) {
    if let Err(error) = streams.publish(key, Event::title(title)).await {
        tracing::debug!(turn_id = %key.turn_id, %error, "title not shown");
    }
}

/// What the person said first; a message that was taken back before it ran does not count.
fn first_words(history: &[Message]) -> Option<&str> {
    history
        .iter()
        .filter(|message| message.role == Role::User)
        .find(|message| message.metadata.status != Some(MessageStatus::Cancelled))
        .and_then(|message| message.content.as_deref())
}

//! A question, or a conversation.

use crate::{
    args::ChatArgs,
    error::ChatError,
    follow::{Outcome, Question, ask},
    server::Server,
    view::View,
};
use rustyline::{DefaultEditor, error::ReadlineError};
use std::io::{self, IsTerminal as _, Read as _};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The server takes no longer message.
const MOST_BYTES: u64 = 4 * 64_000;

/// How it ended for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All was answered.
    Well,
    /// A turn failed.
    Failed,
    /// The person stopped it.
    Cancelled,
}

/// Talks as the arguments say.
pub async fn chat(args: ChatArgs) -> Result<Ended, ChatError> {
    let server = Server::new(&args)?;
    let mut interrupts = signal(SignalKind::interrupt())?;
    let message = match args.message.clone() {
        Some(message) => Some(message),
        None if io::stdin().is_terminal() => None,
        None => Some(piped()?),
    };
    if message
        .as_ref()
        .is_some_and(|message| message.trim().is_empty())
    {
        return Err(ChatError::NoMessage);
    }
    let session = match args.session.clone() {
        Some(session) => session,
        None => server.create_session().await?,
    };
    match message {
        Some(message) => {
            let question = Question {
                server: &server,
                session: &session,
                message: &message,
            };
            let mut view = View::of_output(args.json);
            Ok(match ask(&question, &mut view, &mut interrupts).await? {
                Outcome::Answered => Ended::Well,
                Outcome::Failed => Ended::Failed,
                Outcome::Cancelled | Outcome::Left => Ended::Cancelled,
            })
        }
        None => converse(&server, &session, args.json, &mut interrupts).await,
    }
}

fn piped() -> io::Result<String> {
    let mut message = String::new();
    io::stdin().take(MOST_BYTES).read_to_string(&mut message)?;
    Ok(message)
}

/// Question by question, until Ctrl-D, or Ctrl-C at the prompt.
async fn converse(
    server: &Server,
    session: &str,
    json: bool,
    interrupts: &mut Signal,
) -> Result<Ended, ChatError> {
    let mut editor = DefaultEditor::new()?;
    let mut view = View::of_output(json);
    view.note(&format!(
        "Session {session}. Ctrl-C stops an answer, Ctrl-D leaves; --session goes on later."
    ))?;
    loop {
        // It blocks, and is all that happens meanwhile.
        let (back, line) = tokio::task::spawn_blocking(move || {
            let line = editor.readline("> ");
            (editor, line)
        })
        .await
        .map_err(io::Error::other)?;
        editor = back;
        let message = match line {
            Ok(line) => line,
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(Ended::Well),
            Err(error) => return Err(error.into()),
        };
        if message.trim().is_empty() {
            continue;
        }
        editor.add_history_entry(&message)?;
        let question = Question {
            server,
            session,
            message: &message,
        };
        match ask(&question, &mut view, interrupts).await {
            Ok(Outcome::Left) => return Ok(Ended::Cancelled),
            Ok(Outcome::Cancelled) => view.note("stopped")?,
            Ok(Outcome::Answered | Outcome::Failed) => {}
            // The next question may fare better.
            Err(error @ (ChatError::Refused { .. } | ChatError::Unavailable { .. })) => {
                view.note(&format!("error: {error}"))?;
            }
            Err(error) => return Err(error),
        }
    }
}

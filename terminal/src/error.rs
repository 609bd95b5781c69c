use std::{io, time::Duration};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// No answer from the server.
    #[error("no answer from {url}: {source}; is the server running?")]
    Unreachable {
        /// The server.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// The server can do nothing for now.
    #[error("the server is busy or starting: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The server refused.
    #[error("{detail}{}", if *.status == 401 { "; give --token or COPILOT_TOKEN" } else { "" })]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// An answer that is not one of this server's.
    #[error("{0} does not answer like a Copilot server")]
    Foreign(String),
    /// The line broke again and again.
    #[error(
        "the connection was lost too often; the turn goes on, come back with --session {session}"
    )]
    Lost {
        /// The session.
        session: String,
    },
    /// Reading the message or writing the answer.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The prompt.
    #[error("the terminal: {0}")]
    Prompt(#[from] rustyline::error::ReadlineError),
    /// Nothing was asked.
    #[error("there is no message: give one, or write it to standard input")]
    NoMessage,
}

impl ChatError {
    /// Whether another try may help.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. })
    }
}

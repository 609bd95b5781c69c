//! A whole product for one test.

use std::time::Duration;

use crate::client::Client;
use crate::copilot::Copilot;
use crate::deadline::poll_until;
use crate::identity::{IdentityProvider, JWT_SECRET, token_of};
use crate::llm::FakeUpstream;

/// A server, the model behind it, and a client. Dropped, it asserts that every request to the
/// model was valid; [`finish`](Self::finish) also that nothing was left behind.
pub struct TestStack {
    /// The model.
    pub llm: FakeUpstream,
    /// The server's process.
    pub copilot: Copilot,
    /// A client of the server.
    pub client: Client,
}

/// What a stack is started with.
#[derive(Debug, Default)]
pub struct StackBuilder {
    settings: Vec<(String, String)>,
    is_embedded: bool,
    model: Model,
    token: Option<String>,
}

/// Which model answers.
#[derive(Debug, Default, PartialEq)]
enum Model {
    #[default]
    Fake,
    /// The fake one, asked as this provider.
    FakeOf(&'static str),
    Builtin,
}

impl TestStack {
    /// A stack with the defaults.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A stack with settings of its own.
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// Kill the server and start it again on the same database and port.
    pub async fn restart(&mut self) {
        self.copilot.restart().await;
    }

    /// End the test: the server lives, no turn is unfinished, no reply of the model is open, and
    /// every request to it was valid.
    pub async fn finish(mut self) {
        assert!(self.copilot.is_running(), "copilot has ended by itself");
        poll_until(
            Duration::from_secs(10),
            || "every session is idle".to_owned(),
            || async { self.busy_sessions().await == 0 },
        )
        .await;
        self.llm.idle().await;
    }

    async fn busy_sessions(&self) -> usize {
        let listed = self.client.list_sessions().query("limit", 100).ok().await;
        let sessions = listed["sessions"].as_array().expect("a list of sessions");
        let is_busy = |status: &serde_json::Value| status == "running" || status == "queued";
        sessions
            .iter()
            .filter(|session| is_busy(&session["status"]))
            .count()
    }
}

impl Drop for TestStack {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let violations = self.llm.violations();
            assert!(
                violations.is_empty(),
                "invalid requests to the model: {violations:#?}"
            );
        }
    }
}

impl StackBuilder {
    /// Set an environment variable of the server.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// Ask callers for tokens that [`JWT_SECRET`] has signed; the stack's own client is `user`.
    #[must_use]
    pub fn signed_in(self, user: &str) -> Self {
        self.env("COPILOT__AUTH__MODE", "jwt")
            .env("COPILOT__AUTH__JWT_SECRET", JWT_SECRET)
            .token(token_of(user))
    }

    /// Ask callers for tokens of this provider; the stack's own client has `token`.
    #[must_use]
    pub fn signed_in_by(self, provider: &IdentityProvider, token: String) -> Self {
        self.env("COPILOT__AUTH__MODE", "jwt")
            .env("COPILOT__AUTH__JWKS_URL", provider.jwks_url())
            .token(token)
    }

    fn token(mut self, token: String) -> Self {
        self.token = Some(token);
        self
    }

    /// Start `copilot` whatever the mode of this run: the test is about that program.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.is_embedded = true;
        self
    }

    /// Use this database instead of a SQLite file of its own.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        self.env("COPILOT__DATABASE__URL", url).embedded()
    }

    /// Let the fake model be asked as this provider (`llm.provider`).
    #[must_use]
    pub fn provider(mut self, name: &'static str) -> Self {
        self.model = Model::FakeOf(name);
        self
    }

    /// Give the server no key: the built-in provider answers.
    #[must_use]
    pub fn builtin_model(mut self) -> Self {
        self.model = Model::Builtin;
        self
    }

    /// Start model and server, and wait until the server is ready.
    pub async fn start(self) -> TestStack {
        let llm = FakeUpstream::start().await;
        let mut copilot = if self.is_embedded {
            Copilot::new()
        } else {
            Copilot::of_run()
        };
        match self.model {
            Model::Fake => copilot = copilot.upstream(llm.base_url()),
            Model::FakeOf(name) => copilot = copilot.upstream_of(name, llm.base_url()),
            Model::Builtin => {}
        }
        for (name, value) in self.settings {
            copilot.set(&name, value);
        }
        copilot.start().await;
        let client = copilot.client();
        TestStack {
            client: match self.token {
                Some(token) => client.with_token(token),
                None => client,
            },
            llm,
            copilot,
        }
    }
}

//! The real `copilot` binary as a child process.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::deadline::DEADLINE;
use crate::port::Port;

/// A running server with a directory, ports and a database of its own. Dropping it kills it, and
/// prints its log if the test failed.
pub struct Copilot {
    directory: TempDir,
    listen: Port,
    metrics: Port,
    settings: BTreeMap<String, Option<String>>,
    child: Option<Child>,
    exit: Option<ExitStatus>,
    http: reqwest::Client,
}

/// What a test must not inherit from the shell or the CI job that runs it.
const FOREIGN_PREFIXES: [&str; 3] = ["COPILOT__", "OPENAI_", "ANTHROPIC_"];
const FOREIGN: [&str; 12] = [
    "DATABASE_URL",
    "REDIS_URL",
    "AMQP_URL",
    "RUST_LOG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "GEMINI_API_KEY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

impl Copilot {
    /// A server that is not started yet; change its settings, then [`start`](Self::start) it.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("copilot-test-").expect("a temporary directory");
        let (listen, metrics) = (Port::free(), Port::free());
        let database = directory.path().join("copilot.db");
        let mut copilot = Self {
            settings: BTreeMap::new(),
            child: None,
            exit: None,
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a plain HTTP client"),
            directory,
            listen,
            metrics,
        };
        let url = format!("sqlite://{}?mode=rwc", database.display());
        copilot.set("COPILOT__SERVER__LISTEN", copilot.listen.address());
        copilot.set("COPILOT__METRICS__LISTEN", copilot.metrics.address());
        copilot.set("COPILOT__DATABASE__URL", url);
        copilot.set("COPILOT__LOG__FORMAT", "json");
        copilot
    }

    /// Set an environment variable for this and later starts.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Let a variable be absent.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.settings.insert(name.to_owned(), None);
        self
    }

    /// Let this model answer.
    #[must_use]
    pub fn upstream(self, base_url: impl Into<String>) -> Self {
        self.env("OPENAI_BASE_URL", base_url)
            .env("OPENAI_API_KEY", "sk-test-key")
    }

    /// Set an environment variable for later starts.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), Some(value.into()));
    }

    /// Start it, and wait until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.until_ready().await;
    }

    /// Start it without waiting: it may be meant to fail.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let log = self.open_log();
        let also_log = log.try_clone().expect("a second handle on the log");
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(log).stderr(also_log);
        self.exit = None;
        self.child = Some(command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {}: {error}", binary().display());
        }));
    }

    /// Run another subcommand with the same settings, and wait for its end.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.stdin(Stdio::null()).kill_on_drop(true);
        tokio::time::timeout(DEADLINE, command.output())
            .await
            .unwrap_or_else(|_| panic!("{arguments:?} does not end"))
            .unwrap_or_else(|error| panic!("cannot run {arguments:?}: {error}"))
    }

    /// Wait until `/readyz` says so.
    pub async fn until_ready(&mut self) {
        let url = format!("{}/readyz", self.base());
        let begun = Instant::now();
        loop {
            let asked = self
                .http
                .get(&url)
                .timeout(Duration::from_secs(2))
                .send()
                .await;
            if asked.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            if let Some(exit) = self.try_wait() {
                panic!("copilot ended while it started ({exit}):\n{}", self.log());
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "copilot is not ready:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// End it without warning, and reap it.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            child.kill().ok();
            self.exit = child.wait().ok();
        }
    }

    /// Ask it to stop; see [`wait_exit`](Self::wait_exit).
    pub fn sigterm(&self) {
        self.signal("TERM");
    }

    /// Send any signal by its name, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .expect("the program kill");
        assert!(sent.success(), "cannot send {name}");
    }

    /// Kill it, if it runs, and start it again: same directory, ports and settings.
    pub async fn restart(&mut self) {
        self.kill9();
        self.start().await;
    }

    /// Wait for its end, at most `limit`.
    pub async fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(exit) = self.try_wait() {
                return exit;
            }
            assert!(
                begun.elapsed() < limit,
                "still running after {limit:?}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && self.try_wait().is_none()
    }

    /// Its process id; panics if it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    /// Its resident memory.
    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the status of a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.expect("a VmRSS line").parse().expect("kibibytes")
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.listen.address())
    }

    /// Where Prometheus would ask.
    pub fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.metrics.address())
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.base())
    }

    /// Its working directory; the database lies there.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All it wrote so far, over all starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The lines of its log that are JSON.
    pub fn log_lines(&self) -> Vec<Value> {
        let log = self.log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        if let Some(child) = &mut self.child {
            self.exit = child.try_wait().expect("a child can be waited for");
            if self.exit.is_some() {
                self.child = None;
            }
        }
        self.exit
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            let is_foreign = FOREIGN_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if is_foreign || FOREIGN.contains(&name.as_ref()) {
                command.env_remove(name.as_ref());
            }
        }
        for (name, value) in &self.settings {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(arguments).current_dir(self.directory.path());
        command
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("copilot.log")
    }

    fn open_log(&self) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log file in the temporary directory")
    }
}

impl Default for Copilot {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Copilot {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!(
                "--- log of copilot on {}\n{}---",
                self.listen.address(),
                self.log()
            );
        }
    }
}

/// The binary under test: `COPILOT_BIN`, else `CARGO_BIN_EXE_copilot`, else the one that Cargo put
/// beside the test executable.
fn binary() -> PathBuf {
    for name in ["COPILOT_BIN", "CARGO_BIN_EXE_copilot"] {
        if let Some(path) = env::var_os(name) {
            return PathBuf::from(path);
        }
    }
    let test = env::current_exe().expect("the test's own path");
    // target/debug/deps/it-0123 → target/debug/copilot; a binary lies one level higher.
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("copilot"))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no copilot near {}: run `cargo build -p copilot` first, use `./dev test`, or set \
             COPILOT_BIN",
            test.display()
        )
    })
}

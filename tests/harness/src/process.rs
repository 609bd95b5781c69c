//! One of the real binaries as a child process.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::deadline::DEADLINE;

/// Environment variables of a child; none: it must not have it.
pub type Settings = BTreeMap<String, Option<String>>;

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

/// A process that can be started again and again, with a log over all its starts. Dropping it
/// kills it.
pub struct Process {
    program: &'static str,
    name: String,
    directory: PathBuf,
    settings: Settings,
    child: Option<Child>,
    exit: Option<ExitStatus>,
}

impl Process {
    /// `program` is not started yet; it will work and log in `directory`, under `name`.
    pub fn new(program: &'static str, name: impl Into<String>, directory: &Path) -> Self {
        Self {
            program,
            name: name.into(),
            directory: directory.to_owned(),
            settings: Settings::new(),
            child: None,
            exit: None,
        }
    }

    /// What the test calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Set an environment variable for later starts; none: it must be absent.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        self.settings.insert(name.to_owned(), value);
    }

    /// What an environment variable will be for later starts.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.as_deref()
    }

    /// Start it without waiting: it may be meant to fail.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = self.open_log();
        let also_log = log.try_clone().expect("a second handle on the log");
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(log).stderr(also_log);
        self.exit = None;
        self.child = Some(command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {}: {error}", self.program);
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

    /// End it without warning, and reap it.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            child.kill().ok();
            self.exit = child.wait().ok();
        }
    }

    /// Send any signal by its name, such as `TERM`, `STOP` and `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .expect("the program kill");
        assert!(sent.success(), "cannot send {name}");
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
                "{} still runs after {limit:?}:\n{}",
                self.name,
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && self.try_wait().is_none()
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        if let Some(child) = &mut self.child {
            self.exit = child.try_wait().expect("a child can be waited for");
            if self.exit.is_some() {
                self.child = None;
            }
        }
        self.exit
    }

    /// Its process id; panics if it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running process").id()
    }

    /// Its resident memory.
    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the status of a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.expect("a VmRSS line").parse().expect("kibibytes")
    }

    /// All it wrote so far, over all starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The program with these arguments and its settings, for what [`run`](Self::run) does not do.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(self.program));
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
        command.args(arguments).current_dir(&self.directory);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }

    fn open_log(&self) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log file in the temporary directory")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}---", self.name, self.log());
        }
    }
}

/// The binary under test: `COPILOT_BIN` (for `copilot`), else the one that Cargo put beside the
/// test executable.
fn binary(program: &str) -> PathBuf {
    if program == "copilot"
        && let Some(path) = env::var_os("COPILOT_BIN")
    {
        return PathBuf::from(path);
    }
    let test = env::current_exe().expect("the test's own path");
    // target/debug/deps/it-0123 → target/debug/copilot; a binary lies one level higher.
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no {program} near {}: run `cargo build --workspace` first, or use `./dev test`",
            test.display()
        )
    })
}

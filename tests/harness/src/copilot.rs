//! The product as child processes: `copilot` alone, or apis and executors on real servers.

use std::env;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::deadline::{DEADLINE, poll_until};
use crate::metrics::Metrics;
use crate::port::Port;
use crate::process::{Process, Settings};
use crate::servers::{Servers, Tenancy};

/// The variable that says in which mode end-to-end tests run: `embedded` (the default) or
/// `distributed`.
pub const MODE_VARIABLE: &str = "COPILOT_TEST_MODE";

/// Where a process tells its metrics; an executor also whether it is ready.
const METRICS: &str = "COPILOT__METRICS__LISTEN";

/// Which programs make up the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `copilot`, over SQLite.
    Embedded,
    /// `copilot-api` and `copilot-executor`, over Postgres, Redis and RabbitMQ.
    Distributed,
}

impl Mode {
    /// The mode of this test run.
    pub fn of_run() -> Self {
        match env::var(MODE_VARIABLE).as_deref() {
            Err(_) | Ok("" | "embedded") => Self::Embedded,
            Ok("distributed") => Self::Distributed,
            Ok(other) => panic!("{MODE_VARIABLE}: no mode {other:?}"),
        }
    }
}

/// A running product with a directory, ports and data of its own. Dropping it kills it, and
/// prints its logs if the test failed.
pub struct Copilot {
    mode: Mode,
    apis: Vec<Api>,
    executors: Vec<Process>,
    settings: Settings,
    /// Of each process, in the order in which they were added.
    metrics: Vec<Port>,
    // Behind the processes: it goes when nobody uses it any more.
    tenancy: Option<Tenancy>,
    directory: TempDir,
    http: reqwest::Client,
}

/// A process that serves HTTP.
struct Api {
    listen: Port,
    process: Process,
}

impl Copilot {
    /// `copilot`, not started yet; change its settings, then [`start`](Self::start) it.
    pub fn new() -> Self {
        let mut copilot = Self::empty(Mode::Embedded, None);
        let database = copilot.directory.path().join("copilot.db");
        let url = format!("sqlite://{}?mode=rwc", database.display());
        copilot.set("COPILOT__DATABASE__URL", url);
        copilot.add_server("copilot");
        copilot
    }

    /// One api and one executor on the servers of this run, not started yet. Leases are short,
    /// so that tests see a takeover soon.
    pub fn distributed() -> Self {
        Self::on(Servers::default())
    }

    /// [`Self::distributed`] on servers of its own.
    pub fn on(servers: Servers) -> Self {
        let tenancy = Tenancy::take(servers);
        let settings = tenancy.settings();
        let mut copilot = Self::empty(Mode::Distributed, Some(tenancy));
        for (name, value) in settings {
            copilot.set(name, value);
        }
        copilot.set("COPILOT__DATABASE__MIGRATE_ON_START", "true");
        copilot.set("COPILOT__DATABASE__MAX_CONNECTIONS", "8");
        copilot.set("COPILOT__AUTH__MODE", "local");
        copilot.set("COPILOT__EXECUTOR__HEARTBEAT_SECONDS", "0.3");
        copilot.set("COPILOT__EXECUTOR__LEASE_SECONDS", "1.5");
        copilot.add_api();
        copilot.add_executor();
        copilot
    }

    /// The product in the mode of this test run.
    pub fn of_run() -> Self {
        match Mode::of_run() {
            Mode::Embedded => Self::new(),
            Mode::Distributed => Self::distributed(),
        }
    }

    fn empty(mode: Mode, tenancy: Option<Tenancy>) -> Self {
        let mut copilot = Self {
            mode,
            apis: Vec::new(),
            executors: Vec::new(),
            settings: Settings::new(),
            metrics: Vec::new(),
            tenancy,
            directory: TempDir::with_prefix("copilot-test-").expect("a temporary directory"),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a plain HTTP client"),
        };
        copilot.set("COPILOT__LOG__FORMAT", "json");
        copilot
    }

    /// Another api on the same servers, not started yet. Its number.
    pub fn add_api(&mut self) -> usize {
        self.add_server("copilot-api")
    }

    /// Another executor on the same servers, not started yet. Its number.
    pub fn add_executor(&mut self) -> usize {
        let number = self.executors.len();
        let name = format!("copilot-executor-{number}");
        let mut process = Process::new("copilot-executor", name, self.directory.path());
        for (name, value) in &self.settings {
            process.set(name, value.clone());
        }
        process.set(METRICS, Some(self.add_metrics()));
        self.executors.push(process);
        number
    }

    /// Let an api listen on this port if it is free.
    pub fn prefer_port(&mut self, api: usize, port: u16) {
        let Api { listen, process } = &mut self.apis[api];
        *listen = Port::preferably(port);
        process.set("COPILOT__SERVER__LISTEN", Some(listen.address()));
    }

    fn add_server(&mut self, program: &'static str) -> usize {
        let number = self.apis.len();
        let listen = Port::free();
        let mut process = Process::new(
            program,
            format!("{program}-{number}"),
            self.directory.path(),
        );
        for (name, value) in &self.settings {
            process.set(name, value.clone());
        }
        process.set("COPILOT__SERVER__LISTEN", Some(listen.address()));
        process.set(METRICS, Some(self.add_metrics()));
        self.apis.push(Api { listen, process });
        number
    }

    /// The address at which one more process tells its metrics.
    fn add_metrics(&mut self) -> String {
        let port = Port::free();
        let address = port.address();
        self.metrics.push(port);
        address
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
        self.change(name, None);
        self
    }

    /// Let this model answer.
    #[must_use]
    pub fn upstream(self, base_url: impl Into<String>) -> Self {
        self.env("OPENAI_BASE_URL", base_url)
            .env("OPENAI_API_KEY", "sk-test-key")
    }

    /// Let this model answer, asked as `provider` with a key of its own; Ollama gets none.
    #[must_use]
    pub fn upstream_of(self, provider: &str, base_url: impl Into<String>) -> Self {
        let copilot = self.env("COPILOT__LLM__BASE_URL", base_url);
        match provider {
            "anthropic" => copilot.env("ANTHROPIC_API_KEY", "sk-ant-test-key"),
            "ollama" => copilot.env("COPILOT__LLM__PROVIDER", provider),
            _ => copilot
                .env("COPILOT__LLM__PROVIDER", provider)
                .env("COPILOT__LLM__API_KEY", "test-key"),
        }
    }

    /// Set an environment variable for later starts.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.change(name, Some(value.into()));
    }

    fn change(&mut self, name: &str, value: Option<String>) {
        for process in self.processes_mut() {
            process.set(name, value.clone());
        }
        self.settings.insert(name.to_owned(), value);
    }

    /// Start what does not run yet, and wait until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.until_ready().await;
    }

    /// Start what does not run yet without waiting: it may be meant to fail.
    pub fn spawn(&mut self) {
        for process in self.processes_mut() {
            if !process.is_running() {
                process.spawn();
            }
        }
    }

    /// Run another subcommand with the same settings, and wait for its end.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.api(0).run(arguments).await
    }

    /// Wait until `/readyz` of each api says so.
    pub async fn until_ready(&mut self) {
        for number in 0..self.apis.len() {
            self.until_api_ready(number).await;
        }
    }

    /// Wait until an api that runs is ready again: what it lacked is back.
    pub async fn wait_ready(&self, number: usize) {
        let url = format!("{}/readyz", self.base_of(number));
        let is_ready = async || {
            let asked = self.http.get(&url).send().await;
            asked.is_ok_and(|answer| answer.status() == 200)
        };
        poll_until(DEADLINE, || format!("{url} says 200"), is_ready).await;
    }

    async fn until_api_ready(&mut self, number: usize) {
        let url = format!("{}/readyz", self.base_of(number));
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
            let process = &mut self.apis[number].process;
            if let Some(exit) = process.try_wait() {
                panic!(
                    "{} ended while it started ({exit}):\n{}",
                    process.name(),
                    process.log()
                );
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "{} is not ready:\n{}",
                process.name(),
                process.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// End all without warning, and reap them.
    pub fn kill9(&mut self) {
        for process in self.processes_mut() {
            process.kill9();
        }
    }

    /// Ask all to stop; see [`wait_exit`](Self::wait_exit).
    pub fn sigterm(&self) {
        self.signal("TERM");
    }

    /// Send all any signal by its name, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) {
        for process in self.processes() {
            process.signal(name);
        }
    }

    /// Kill what runs and start it again: same directory, ports and settings.
    pub async fn restart(&mut self) {
        self.kill9();
        self.start().await;
    }

    /// Wait for the end of all, each at most `limit`: how the first that failed ended, else the
    /// api.
    pub async fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let mut ended = None;
        for process in self.processes_mut() {
            let exit = process.wait_exit(limit).await;
            if ended.is_none_or(|ended: ExitStatus| ended.success()) {
                ended = Some(exit);
            }
        }
        ended.expect("at least one process")
    }

    /// Whether all run.
    pub fn is_running(&mut self) -> bool {
        self.processes_mut().all(Process::is_running)
    }

    /// Process id of the (first) api; panics if it does not run.
    pub fn pid(&self) -> u32 {
        self.api(0).pid()
    }

    /// Resident memory of the (first) api.
    pub fn rss_kib(&self) -> u64 {
        self.api(0).rss_kib()
    }

    /// `http://127.0.0.1:PORT` of the first api.
    pub fn base(&self) -> String {
        self.base_of(0)
    }

    /// `http://127.0.0.1:PORT` of an api.
    pub fn base_of(&self, number: usize) -> String {
        format!("http://{}", self.apis[number].listen.address())
    }

    /// A client for each place where a process says whether it is ready.
    pub fn probes(&self) -> Vec<Client> {
        let apis = (0..self.apis.len()).map(|number| self.base_of(number));
        let ports = self
            .executors
            .iter()
            .filter_map(|executor| executor.setting(METRICS));
        let executors = ports.map(|address| format!("http://{address}"));
        apis.chain(executors).map(Client::new).collect()
    }

    /// Where Prometheus would ask the first api.
    pub fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.metrics[0].address())
    }

    /// What all processes count, summed up; panics if one does not tell.
    pub async fn metrics(&self) -> Metrics {
        let mut all = Metrics::default();
        for port in &self.metrics {
            let url = format!("http://{}/metrics", port.address());
            let asked = self.http.get(url).timeout(DEADLINE).send();
            let answer = asked.await.expect("an answer from the metrics port");
            assert_eq!(answer.status(), 200);
            all.add(&Metrics::parse(&answer.text().await.expect("a text")));
        }
        all
    }

    /// The first line of its log with this message about this turn (or any, without one); waits
    /// for it.
    pub async fn line(&self, message: &str, turn: Option<&str>) -> Value {
        let find = || {
            let lines = self.log_lines().into_iter();
            let mut lines = lines.filter(|line| line["message"] == message);
            lines.find(|line| turn.is_none_or(|turn| line["turn_id"] == turn))
        };
        poll_until(
            DEADLINE,
            || format!("a line {message:?} about {turn:?} in\n{}", self.log()),
            || async { find().is_some() },
        )
        .await;
        find().expect("the line that was there")
    }

    /// A client of the first api.
    pub fn client(&self) -> Client {
        self.client_of(0)
    }

    /// A client of an api.
    pub fn client_of(&self, number: usize) -> Client {
        Client::new(self.base_of(number))
    }

    /// Processes that serve HTTP, and executors.
    pub fn size(&self) -> (usize, usize) {
        (self.apis.len(), self.executors.len())
    }

    /// The mode it runs in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What belongs to it on the servers; panics in the embedded mode.
    pub fn tenancy(&self) -> &Tenancy {
        self.tenancy.as_ref().expect("the distributed mode")
    }

    /// An api; `copilot` itself in the embedded mode.
    pub fn api(&self, number: usize) -> &Process {
        &self.apis[number].process
    }

    /// An api, to be started, killed or changed.
    pub fn api_mut(&mut self, number: usize) -> &mut Process {
        &mut self.apis[number].process
    }

    /// An executor; there is none in the embedded mode.
    pub fn executor(&self, number: usize) -> &Process {
        &self.executors[number]
    }

    /// An executor, to be started, killed or changed.
    pub fn executor_mut(&mut self, number: usize) -> &mut Process {
        &mut self.executors[number]
    }

    /// Its working directory; in the embedded mode the database lies there.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All that was written so far, over all processes and starts.
    pub fn log(&self) -> String {
        self.processes().map(Process::log).collect()
    }

    /// The lines of the log that are JSON.
    pub fn log_lines(&self) -> Vec<Value> {
        let log = self.log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        let apis = self.apis.iter().map(|api| &api.process);
        apis.chain(&self.executors)
    }

    fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        let apis = self.apis.iter_mut().map(|api| &mut api.process);
        apis.chain(&mut self.executors)
    }
}

impl Default for Copilot {
    fn default() -> Self {
        Self::new()
    }
}

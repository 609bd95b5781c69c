//! Private Redis servers, one node or a small cluster.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::port::Port;

/// How long a server may take to answer; the machine may be busy compiling.
const START: Duration = Duration::from_mins(1);

/// A server in a temporary directory that saves nothing. Dropping it ends it at once.
pub struct RedisServer {
    port: Port,
    directory: TempDir,
    options: Vec<String>,
    access: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// Start it, and wait until it answers.
    pub async fn start() -> Self {
        Self::with_options(&[] as &[&str], &[]).await
    }

    /// Start it with further options of `redis-server`; `access` are the options that
    /// `redis-cli` needs then.
    pub async fn with_options<S: AsRef<str>>(options: &[S], access: &[&str]) -> Self {
        let port = Port::free();
        let directory = TempDir::with_prefix("copilot-redis-").expect("a temporary directory");
        let options: Vec<String> = options.iter().map(|one| one.as_ref().to_owned()).collect();
        let child = spawn(&port, &directory, &options);
        let mut server = Self {
            port,
            directory,
            options,
            access: access.iter().map(|&one| one.to_owned()).collect(),
            child,
        };
        server.wait().await;
        server
    }

    /// Start it with a second port that speaks TLS, and wants a certificate of the same
    /// authority.
    pub async fn start_secured(certificates: &Certificates, port: &Port) -> Self {
        let number = port.number().to_string();
        let file = |path: PathBuf| path.to_string_lossy().into_owned();
        Self::with_options(
            &[
                "--tls-port",
                &number,
                "--tls-cert-file",
                &file(certificates.certificate()),
                "--tls-key-file",
                &file(certificates.key()),
                "--tls-ca-cert-file",
                &file(certificates.authority()),
            ],
            &[],
        )
        .await
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs a command by `redis-cli`; what it says.
    pub fn run<S: AsRef<OsStr>>(&self, command: &[S]) -> String {
        let asked = self.cli(command);
        let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        let complaint = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success(), "redis-cli: {said} {complaint}");
        said
    }

    /// Ends it without a word.
    pub fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Starts it again, empty, on the same port.
    pub async fn restart(&mut self) {
        self.stop();
        self.child = spawn(&self.port, &self.directory, &self.options);
        self.wait().await;
    }

    /// Lets it hang: connections stay, nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("the program kill").success());
    }

    fn cli<S: AsRef<OsStr>>(&self, command: &[S]) -> std::process::Output {
        Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.number().to_string()])
            .args(&self.access)
            .args(command)
            .stdin(Stdio::null())
            .output()
            .expect("the program redis-cli, of the package redis-tools")
    }

    async fn wait(&mut self) {
        let begun = Instant::now();
        while !self.cli(&["PING"]).stdout.starts_with(b"PONG") {
            let ended = self.child.try_wait().expect("a child can be waited for");
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            assert!(
                begun.elapsed() < START && ended.is_none(),
                "redis does not answer ({ended:?}):\n{}",
                log.unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(port: &Port, directory: &TempDir, options: &[String]) -> Child {
    let log = File::create(directory.path().join("log")).expect("a log file");
    Command::new("redis-server")
        .args(["--port", &port.number().to_string()])
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(directory.path())
        .args(options)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        // Ctrl-C in the terminal is for the tests; the server goes when they are over.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start redis-server: {error}"))
}

/// Masters, each with as many replicas.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    _bus: Vec<Port>,
}

impl RedisCluster {
    /// Three masters.
    pub async fn start() -> Self {
        Self::with_replicas(0).await
    }

    /// Three masters with so many replicas each.
    pub async fn with_replicas(replicas: usize) -> Self {
        let mut nodes = Vec::new();
        let mut bus = Vec::new();
        for _ in 0..3 * (1 + replicas) {
            let port = Port::free();
            let number = port.number().to_string();
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
                &number,
            ];
            nodes.push(RedisServer::with_options(&options, &[]).await);
            bus.push(port);
        }
        let mut create = vec!["--cluster".to_owned(), "create".to_owned()];
        create.extend(nodes.iter().map(RedisServer::address));
        create.extend(["--cluster-replicas".to_owned(), replicas.to_string()]);
        create.push("--cluster-yes".to_owned());
        if let Some(first) = nodes.first() {
            first.run(&create);
        }
        let cluster = Self { nodes, _bus: bus };
        cluster.wait(3 * (1 + replicas)).await;
        cluster
    }

    /// `redis+cluster://HOST:PORT,HOST:PORT`.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(RedisServer::address).collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    /// The nodes, masters first.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    async fn wait(&self, known: usize) {
        let begun = Instant::now();
        let known = format!("cluster_known_nodes:{known}");
        let is_formed = |node: &RedisServer| {
            let info = node.run(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains(&known)
        };
        while !self.nodes.iter().all(is_formed) {
            assert!(begun.elapsed() < START, "the cluster does not form");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[tokio::test]
    async fn a_private_server_comes_back_empty_and_goes_away() {
        let mut server = RedisServer::start().await;
        assert_eq!(server.run(&["SET", "a", "b"]), "OK");
        server.restart().await;
        assert_eq!(server.run(&["EXISTS", "a"]), "0");

        let (process, directory) = (server.child.id(), server.directory.path().to_owned());
        drop(server);

        assert!(!Path::new(&format!("/proc/{process}")).exists());
        assert!(!directory.exists());
    }
}

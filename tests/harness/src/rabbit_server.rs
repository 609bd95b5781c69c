//! A private `RabbitMQ` for one test run, or for one test that ill-treats it.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::port::Port;

/// A broker in a temporary directory, with a name, a cookie and a port mapper (epmd) of its own.
/// Dropping it ends it at once.
pub struct RabbitServer {
    amqp: Port,
    mapper_port: Port,
    distribution: Port,
    directory: TempDir,
    mapper: Child,
    broker: Option<Child>,
}

/// How long the broker may take to answer; the machine may be busy compiling.
const START: Duration = Duration::from_secs(150);

impl RabbitServer {
    /// Start it, and wait until it answers.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Start it with a second port that speaks TLS, and wants a certificate of the same
    /// authority.
    pub async fn start_secured(certificates: &Certificates, port: &Port) -> Self {
        Self::start_with(&format!(
            "listeners.ssl.1 = {address}\nssl_options.cacertfile = {authority}\n\
             ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true",
            address = port.address(),
            authority = certificates.authority().display(),
            certificate = certificates.certificate().display(),
            key = certificates.key().display(),
        ))
        .await
    }

    /// Start it with further lines of `rabbitmq.conf`.
    pub async fn start_with(settings: &str) -> Self {
        let directory = TempDir::with_prefix("copilot-rabbitmq-").expect("a temporary directory");
        let (amqp, mapper_port, distribution) = (Port::free(), Port::free(), Port::free());
        let path = |name: &str| directory.path().join(name);
        let address = amqp.address();
        let own = format!(
            "listeners.tcp.1 = {address}\nloopback_users = none\ndisk_free_limit.absolute = 1MB\n\
             log.file.level = warning\n{settings}\n"
        );
        fs::write(path("rabbitmq.conf"), own).expect("our own directory");
        fs::write(path("enabled_plugins"), "[].").expect("our own directory");
        let cookie = format!("{:032x}", rand::random::<u128>());
        fs::write(path(".erlang.cookie"), cookie).expect("our own directory");
        fs::set_permissions(path(".erlang.cookie"), Permissions::from_mode(0o400))
            .expect("our own file");
        // In the foreground and ours: the broker would start one that outlives it.
        let mapper = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port"])
            .arg(mapper_port.number().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the program epmd, of the package erlang-base");
        let mut server = Self {
            amqp,
            mapper_port,
            distribution,
            directory,
            mapper,
            broker: None,
        };
        server.resume().await;
        server
    }

    /// The administrator's URL.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}", self.amqp.address())
    }

    /// Its process; panics while it is stopped.
    pub fn pid(&self) -> u32 {
        self.broker.as_ref().expect("it runs").id()
    }

    fn kill(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            signal("KILL", &format!("-{}", broker.id()));
            broker.kill().ok();
            broker.wait().ok();
        }
    }

    /// Let it stop in good order: its connections end, its queues are kept.
    pub fn stop(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            signal("TERM", &broker.id().to_string());
            broker.wait().expect("a child can be waited for");
        }
    }

    /// Start it again after [`Self::stop`], and wait until it answers.
    pub async fn resume(&mut self) {
        let log = fs::File::create(self.path("console")).expect("a log file");
        let also_log = log.try_clone().expect("a second handle on the log");
        let broker = self
            .command("rabbitmq-server")
            // So the script becomes the broker, and needs no terminal.
            .env("RUNNING_UNDER_SYSTEMD", "1")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also_log)
            // Ctrl-C in the terminal is for the tests; the server goes when they are over.
            .process_group(0)
            .spawn()
            .expect("the program rabbitmq-server, of the package of that name");
        self.broker = Some(broker);
        self.wait().await;
    }

    /// Stop it in the middle of whatever it does; its sockets stay open.
    pub fn freeze(&self) {
        self.tell("STOP");
    }

    /// Let it go on after [`Self::freeze`].
    pub fn thaw(&self) {
        self.tell("CONT");
    }

    /// Run `rabbitmqctl` on it, and give what it says.
    pub fn control(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .command("rabbitmqctl")
            .arg("--quiet")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the program rabbitmqctl, of the package rabbitmq-server");
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "rabbitmqctl {arguments:?}: {said}");
        String::from_utf8_lossy(&stdout).into_owned()
    }

    async fn wait(&mut self) {
        let begun = Instant::now();
        while !self.answers() {
            let broker = self.broker.as_mut().expect("it was started");
            let ended = broker.try_wait().expect("a child can be waited for");
            assert!(
                begun.elapsed() < START && ended.is_none(),
                "rabbitmq does not answer ({ended:?}):\n{}",
                fs::read_to_string(self.path("console")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Whether it answers the first bytes of AMQP.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.amqp.address()) else {
            return false;
        };
        let limit = Some(Duration::from_secs(5));
        let mut first = [0];
        stream.set_read_timeout(limit).is_ok()
            && stream.write_all(b"AMQP\x00\x00\x09\x01").is_ok()
            && stream.read_exact(&mut first).is_ok()
            && first == [1]
    }

    fn tell(&self, name: &str) {
        assert!(signal(name, &self.pid().to_string()), "SIG{name}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program of `RabbitMQ` with this broker's surroundings.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        let node = format!("copilot{}@localhost", self.amqp.number());
        command
            .current_dir(self.directory.path())
            .env("HOME", self.directory.path())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.mapper_port.number().to_string())
            .env("RABBITMQ_CONF_ENV_FILE", self.path("none"))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                self.path("enabled_plugins"),
            )
            .env("RABBITMQ_MNESIA_BASE", self.path("data"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env("RABBITMQ_NODENAME", node)
            .env("RABBITMQ_DIST_PORT", self.distribution.number().to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none");
        command
    }
}

impl Drop for RabbitServer {
    fn drop(&mut self) {
        self.kill();
        self.mapper.kill().ok();
        self.mapper.wait().ok();
    }
}

/// Where Debian keeps the scripts; those in its path change the user and the directory.
fn program(name: &str) -> PathBuf {
    let plain = PathBuf::from("/usr/lib/rabbitmq/bin").join(name);
    if plain.is_file() {
        plain
    } else {
        PathBuf::from(name)
    }
}

fn signal(name: &str, target: &str) -> bool {
    let sent = Command::new("kill")
        .args(["-s", name, "--", target])
        .status();
    sent.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_private_broker_answers_and_leaves_nothing_behind() {
        let server = RabbitServer::start().await;
        assert!(server.control(&["list_vhosts"]).contains('/'));
        let processes = [
            server.mapper.id(),
            server.broker.as_ref().map(Child::id).unwrap(),
        ];
        let (directory, mapper) = (
            server.directory.path().to_owned(),
            server.mapper_port.address(),
        );

        drop(server);

        for process in processes {
            assert!(!PathBuf::from(format!("/proc/{process}")).exists());
        }
        assert!(TcpStream::connect(mapper).is_err(), "a mapper was left");
        assert!(!directory.exists());
    }
}

//! A private PostgreSQL for one test run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::port::Port;
use crate::postgres::program;

/// A server in a temporary directory, without durability. Dropping it ends it at once.
pub struct PostgresServer {
    port: Port,
    directory: TempDir,
    account: Option<Account>,
    child: Child,
}

/// Whom the server runs as; PostgreSQL refuses root.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

/// Who needs TLS and a certificate on [`PostgresServer::start_secured`].
pub const SECURED: &str = "secured";

/// How long the server may take to answer; the machine may be busy compiling.
const START: Duration = Duration::from_mins(1);

impl PostgresServer {
    /// Start it, and wait until it answers.
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// Start it with these certificates. The user [`SECURED`] gets in only over TLS, and with a
    /// certificate that the same authority has signed.
    pub async fn start_secured(certificates: &Certificates) -> Self {
        let server = Self::start_as(Some(certificates)).await;
        server.run(&format!("CREATE ROLE {SECURED} SUPERUSER LOGIN"));
        server
    }

    async fn start_as(certificates: Option<&Certificates>) -> Self {
        let directory = TempDir::with_prefix("copilot-postgres-").expect("a temporary directory");
        let account = account(directory.path());
        if let Some(account) = account {
            chown(directory.path(), Some(account.user), Some(account.group))
                .expect("root may give its directory away");
        }
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700))
            .expect("our own directory");
        initialise(directory.path(), account);
        if let Some(certificates) = certificates {
            secure(directory.path(), account, certificates);
        }
        let port = Port::free();
        let child = spawn(&port, directory.path(), account);
        let mut server = Self {
            port,
            directory,
            account,
            child,
        };
        server.wait().await;
        server
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The administrator's URL.
    pub fn url(&self) -> String {
        format!("postgres://copilot@{}/postgres", self.port.address())
    }

    /// End it, its connections with it, and start it again on the same data and port. It saves
    /// its data first: it runs without durability, and a crash would lose what was committed.
    pub async fn restart(&mut self) {
        self.signal("INT");
        self.child.wait().expect("a child can be waited for");
        self.child = spawn(&self.port, self.directory.path(), self.account);
        self.wait().await;
    }

    /// Let it hang: connections stay, nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
        self.signal_children("STOP");
    }

    /// Let it go on.
    pub fn thaw(&self) {
        self.signal_children("CONT");
        self.signal("CONT");
    }

    /// End every connection to this database.
    pub fn cut_connections(&self, database: &str) {
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        ));
    }

    /// Run a statement as administrator.
    pub fn run(&self, statement: &str) {
        let done = Command::new(program("psql"))
            .args(["-X", "-q", "-d", &self.url(), "-c", statement])
            .output()
            .expect("the program psql, of the package postgresql-client");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("the program kill").success());
    }

    /// Its backends are sessions of their own.
    fn signal_children(&self, name: &str) {
        Command::new("pkill")
            .args([&format!("-{name}"), "-P", &self.child.id().to_string()])
            .status()
            .expect("the program pkill");
    }

    async fn wait(&mut self) {
        let begun = Instant::now();
        loop {
            let asked = Command::new(program("psql"))
                .args(["-X", "-q", "-d", &self.url(), "-c", "SELECT 1"])
                .stdin(Stdio::null())
                .output()
                .expect("the program psql, of the package postgresql-client");
            if asked.status.success() {
                return;
            }
            let ended = self.child.try_wait().expect("a child can be waited for");
            let is_in_time = begun.elapsed() < START && ended.is_none();
            assert!(
                is_in_time,
                "postgres does not answer ({ended:?}):\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its process; what serves connections are children of it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has logged since it was started.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // SIGQUIT is an immediate shutdown: the postmaster ends its children, nothing is saved.
        let asked = Command::new("kill")
            .args(["-s", "QUIT", &self.child.id().to_string()])
            .status();
        if asked.is_err() {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

fn spawn(port: &Port, directory: &Path, account: Option<Account>) -> Child {
    let log = fs::File::create(directory.join("log")).expect("a log file");
    let also_log = log.try_clone().expect("a second handle on the log");
    as_account("postgres", account)
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory)
        .args(["-h", "127.0.0.1", "-p", &port.number().to_string()])
        .args(["-F", "-N", "400"])
        .args(["-c", "synchronous_commit=off", "-c", "full_page_writes=off"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(also_log)
        // Ctrl-C in the terminal is for the tests; the server goes when they are over.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start postgres: {error}"))
}

fn initialise(directory: &Path, account: Option<Account>) {
    let made = as_account("initdb", account)
        .arg("-D")
        .arg(directory.join("data"))
        .args([
            "-U",
            "copilot",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run initdb, of the package postgresql: {error}");
        });
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "initdb failed: {said}");
}

/// Certificates are copied: the server reads no key that others may read.
fn secure(directory: &Path, account: Option<Account>, certificates: &Certificates) {
    let data = directory.join("data");
    for (from, name) in [
        (certificates.authority(), "ca.pem"),
        (certificates.certificate(), "server.crt"),
        (certificates.key(), "server.key"),
    ] {
        let to = data.join(name);
        fs::copy(from, &to).expect("a certificate");
        fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("our own file");
        if let Some(account) = account {
            chown(&to, Some(account.user), Some(account.group)).expect("our own file");
        }
    }
    let append = |name: &str, text: &str| {
        let path = data.join(name);
        let before = fs::read_to_string(&path).expect("what initdb made");
        fs::write(&path, format!("{text}\n{before}")).expect("our own file");
    };
    append("postgresql.conf", "ssl = on\nssl_ca_file = 'ca.pem'");
    append(
        "pg_hba.conf",
        &format!(
            "hostssl all {SECURED} 127.0.0.1/32 trust clientcert=verify-ca\n\
             host all {SECURED} 127.0.0.1/32 reject"
        ),
    );
}

fn as_account(name: &str, account: Option<Account>) -> Command {
    let mut command = Command::new(program(name));
    if let Some(account) = account {
        command.uid(account.user).gid(account.group);
    }
    command
}

/// `postgres`, else `nobody`, if we are root; none otherwise.
fn account(own_directory: &Path) -> Option<Account> {
    let owner = fs::metadata(own_directory)
        .expect("our own directory")
        .uid();
    if owner != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("a list of users");
    let find = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let user = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Account { user, group })
    };
    let found = find("postgres").or_else(|| find("nobody"));
    Some(found.expect("a user postgres or nobody, since postgres does not run as root"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::database_on;

    #[tokio::test]
    async fn a_private_server_gives_databases_and_goes_away() {
        let server = PostgresServer::start().await;
        let (one, two) = (database_on(server.url()), database_on(server.url()));
        assert_ne!(one.url(), two.url());
        let made = Command::new(program("psql"))
            .args(["-X", "-q", "-d", one.url(), "-c", "CREATE TABLE t (id int)"])
            .status()
            .unwrap();
        assert!(made.success());
        drop((one, two));

        let (process, directory) = (server.child.id(), server.directory.path().to_owned());
        drop(server);

        assert!(!Path::new(&format!("/proc/{process}")).exists());
        assert!(!directory.exists());
    }
}

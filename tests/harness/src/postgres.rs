//! Databases on the PostgreSQL of this test run.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use url::Url;

/// The variable that names the server, by an administrator's URL.
pub const SERVER_VARIABLE: &str = "COPILOT_TEST_POSTGRES_URL";

/// An empty database; dropped with this handle.
#[derive(Debug)]
pub struct TestDatabase {
    admin: String,
    name: String,
    url: String,
}

/// Make an empty database on the server that `COPILOT_TEST_POSTGRES_URL` names.
pub fn fresh_database() -> TestDatabase {
    let admin = env::var(SERVER_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{SERVER_VARIABLE} is not set: run the tests by `./dev test`, which starts a private \
             PostgreSQL, or name a server by an administrator's URL"
        )
    });
    database_on(admin)
}

/// Make an empty database on this server.
pub fn database_on(admin: impl Into<String>) -> TestDatabase {
    let admin = admin.into();
    let name = format!("copilot_test_{:016x}", rand::random::<u64>());
    let mut url = Url::parse(&admin).expect("a URL of PostgreSQL");
    url.set_path(&name);
    execute(&admin, &format!("CREATE DATABASE {name}"));
    TestDatabase {
        admin,
        name,
        url: url.into(),
    }
}

impl TestDatabase {
    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For `database.url`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl TestDatabase {
    /// Run a statement in it, and give what it answers: a line for each row, bars between the
    /// columns.
    pub fn run(&self, statement: &str) -> String {
        let done = psql(&self.url, statement)
            .args(["-A", "-t"])
            .output()
            .expect("the program psql, of the package postgresql-client");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{statement}: {said}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if std::thread::panicking() {
            psql(&self.admin, &drop).status().ok();
        } else {
            execute(&self.admin, &drop);
        }
    }
}

fn execute(admin: &str, statement: &str) {
    let done = psql(admin, statement)
        .output()
        .expect("the program psql, of the package postgresql-client");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{statement}: {said}");
}

fn psql(admin: &str, statement: &str) -> Command {
    let mut command = Command::new(program("psql"));
    command.args([
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        admin,
        "-c",
        statement,
    ]);
    command
}

/// A program of PostgreSQL: from the path, else from the newest version below
/// `/usr/lib/postgresql`; if there is none, its bare name.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    let number = |path: &PathBuf| -> u32 {
        let name = path.file_name().and_then(OsStr::to_str);
        name.and_then(|name| name.parse().ok()).unwrap_or(0)
    };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    env::split_paths(&path)
        .chain(versions.into_iter().map(|version| version.join("bin")))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| PathBuf::from(name))
}

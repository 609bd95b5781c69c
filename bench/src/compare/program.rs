//! A program of ours that lies beside this one.

use anyhow::{Context as _, ensure};
use std::{env, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// How long it may take to say where it listens.
const START: Duration = Duration::from_secs(20);

/// Killed when it is dropped.
pub(super) struct Program {
    child: Child,
    said: String,
}

impl Program {
    /// Starts it, and waits for its first line.
    pub(super) async fn start(name: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let path = env::current_exe()?.with_file_name(name);
        let mut child = Command::new(&path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", path.display()))?;
        let output = child.stdout.take().context("its output")?;
        let mut said = String::new();
        let mut output = BufReader::new(output);
        let read = tokio::time::timeout(START, output.read_line(&mut said)).await;
        ensure!(read.context(name.to_owned())?? > 0, "{name} has ended");
        Ok(Self { child, said })
    }

    /// Its first line.
    pub(super) fn said(&self) -> &str {
        self.said.trim()
    }

    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("a program that has ended")
    }
}

//! The scripts. Each is one step for Redis; all but the last start from the same look at the hash.

use super::keys::Keys;
use redis::{Cmd, Script as Hashed};

const LOOK: &str = include_str!("scripts/look.lua");

/// A script and its name for the server's cache.
pub(super) struct Script {
    code: String,
    hash: String,
}

/// All of them.
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) write: Script,
    pub(super) bury: Script,
    pub(super) keep: Script,
    pub(super) draft: Script,
    pub(super) swap: Script,
    pub(super) publish: Script,
}

/// One run of a script.
pub(super) struct Run<'a> {
    script: &'a Script,
    keys: Vec<&'a str>,
    arguments: Vec<Vec<u8>>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: Script::new(include_str!("scripts/begin.lua")),
            write: Script::new(include_str!("scripts/write.lua")),
            bury: Script::new(include_str!("scripts/bury.lua")),
            keep: Script::new(include_str!("scripts/keep.lua")),
            draft: Script::new(include_str!("scripts/draft.lua")),
            swap: Script::new(include_str!("scripts/swap.lua")),
            publish: Script::new(include_str!("scripts/publish.lua")),
        }
    }
}

impl Script {
    fn new(code: &str) -> Self {
        let code = format!("{LOOK}{code}");
        let hash = Hashed::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// A run on hash and stream of one turn.
    pub(super) fn on<'a>(&'a self, keys: &'a Keys) -> Run<'a> {
        Run {
            script: self,
            keys: vec![&keys.task, &keys.stream],
            arguments: Vec::new(),
        }
    }

    /// A run on its draft too.
    pub(super) fn on_draft<'a>(&'a self, keys: &'a Keys) -> Run<'a> {
        let mut run = self.on(keys);
        run.keys.push(&keys.draft);
        run
    }
}

impl Run<'_> {
    pub(super) fn arg(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A number.
    pub(super) fn number(self, number: &impl ToString) -> Self {
        self.arg(number.to_string())
    }

    /// By its name, as a server can run it that has seen it before.
    pub(super) fn known(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// In full.
    pub(super) fn whole(&self) -> Cmd {
        self.command("EVAL", &self.script.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command
            .arg(script)
            .arg(self.keys.len())
            .arg(&self.keys)
            .arg(&self.arguments);
        command
    }
}

use std::fmt;

/// The program that reads the settings; it decides which keys are needed and some defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `copilot`: API and executor in one process.
    Copilot,
    /// `copilot-api`: the HTTP server.
    Api,
    /// `copilot-executor`: runs turns, serves nobody.
    Executor,
}

impl Program {
    /// The name of its binary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Copilot => "copilot",
            Self::Api => "copilot-api",
            Self::Executor => "copilot-executor",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Format {
    /// By the switch `--json`.
    pub(super) fn chosen(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

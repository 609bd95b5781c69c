use serde::Serialize;
use std::fmt;

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It works.
    Ok,
    /// The program runs, but not as well as it could, or not for long.
    Warning,
    /// The program does not start, or does not do its work.
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How the part is.
    pub verdict: Verdict,
    /// What was seen.
    pub note: String,
    /// How to mend it; none where nothing is wrong.
    pub remedy: Option<String>,
}

impl Finding {
    /// It works.
    pub fn ok(note: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            note: note.into(),
            remedy: None,
        }
    }

    /// It runs, but.
    pub fn warning(note: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            note: note.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// It does not work.
    pub fn failed(note: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Failed,
            note: note.into(),
            remedy: Some(remedy.into()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

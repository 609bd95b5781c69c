//! One event of the stream.

use serde_json::Value;

/// An event with its cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The `id` of this very event; transient ones have none.
    pub cursor: Option<String>,
    /// The body.
    pub json: Value,
    /// The `data` line as it came.
    pub raw: String,
}

impl Event {
    /// Its `type`.
    pub fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    /// Whether it is of this `type`.
    pub fn is(&self, kind: &str) -> bool {
        self.kind() == kind
    }

    /// A field that is a string, or nothing.
    pub fn str(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_default()
    }

    /// Whether it goes by and is stored nowhere.
    pub fn is_transient(&self) -> bool {
        self.json["transient"] == true
    }

    /// Whether a tool's input is complete, so that the tool starts.
    pub fn is_tool_started(&self) -> bool {
        self.is("tool-input-available")
    }

    /// Whether it is a `text-delta`.
    pub fn is_text(&self) -> bool {
        self.is("text-delta")
    }

    /// Whether it is the last one.
    pub fn is_finish(&self) -> bool {
        self.is("finish")
    }
}

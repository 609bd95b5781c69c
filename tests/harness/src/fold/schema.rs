//! `uiMessageChunkSchema` of `ai@5.0.0`: which fields each type has, and nothing beside them.

use serde_json::Value;

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Metadata,
    Anything,
}

#[derive(Clone, Copy)]
enum Need {
    Must,
    May,
}

type Field = (&'static str, Kind, Need);

const ID: Field = ("id", Kind::Text, Need::Must);
const CALL: Field = ("toolCallId", Kind::Text, Need::Must);
const TOOL: Field = ("toolName", Kind::Text, Need::Must);
const ERROR_TEXT: Field = ("errorText", Kind::Text, Need::Must);
const DELTA: Field = ("delta", Kind::Text, Need::Must);
const TITLE: Field = ("title", Kind::Text, Need::May);
const URL: Field = ("url", Kind::Text, Need::Must);
const MEDIA_TYPE: Field = ("mediaType", Kind::Text, Need::Must);
const SOURCE: Field = ("sourceId", Kind::Text, Need::Must);
const BY_PROVIDER: Field = ("providerExecuted", Kind::Flag, Need::May);
const DYNAMIC: Field = ("dynamic", Kind::Flag, Need::May);
const PROVIDER: Field = ("providerMetadata", Kind::Metadata, Need::May);
const METADATA: Field = ("messageMetadata", Kind::Anything, Need::May);

/// The fields of a type beside `type`; none for an unknown one.
fn fields(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "text-start" | "text-end" | "reasoning-start" | "reasoning-end" => &[ID, PROVIDER],
        "text-delta" | "reasoning-delta" => &[ID, DELTA, PROVIDER],
        "error" => &[ERROR_TEXT],
        "tool-input-start" => &[CALL, TOOL, BY_PROVIDER, DYNAMIC],
        "tool-input-delta" => &[CALL, ("inputTextDelta", Kind::Text, Need::Must)],
        "tool-input-available" => &[
            CALL,
            TOOL,
            ("input", Kind::Anything, Need::Must),
            BY_PROVIDER,
            PROVIDER,
            DYNAMIC,
        ],
        "tool-output-available" => &[
            CALL,
            ("output", Kind::Anything, Need::Must),
            BY_PROVIDER,
            DYNAMIC,
        ],
        "tool-output-error" => &[CALL, ERROR_TEXT, BY_PROVIDER, DYNAMIC],
        "source-url" => &[SOURCE, URL, TITLE, PROVIDER],
        "source-document" => &[
            SOURCE,
            MEDIA_TYPE,
            ("title", Kind::Text, Need::Must),
            ("filename", Kind::Text, Need::May),
            PROVIDER,
        ],
        "file" => &[URL, MEDIA_TYPE, PROVIDER],
        "start-step" | "finish-step" | "abort" => &[],
        "start" => &[("messageId", Kind::Text, Need::May), METADATA],
        "finish" => &[METADATA],
        "message-metadata" => &[("messageMetadata", Kind::Anything, Need::Must)],
        data if data.starts_with("data-") => &[
            ("id", Kind::Text, Need::May),
            ("data", Kind::Anything, Need::Must),
            ("transient", Kind::Flag, Need::May),
        ],
        // `reasoning` and `reasoning-part-finish` are in the schema, but not in our contract.
        _ => return None,
    })
}

/// Check one event; the sentence says what a strict client would refuse.
pub(super) fn check(event: &Value) -> Result<(), String> {
    let object = event.as_object().ok_or("no object")?;
    let kind = object
        .get("type")
        .and_then(Value::as_str)
        .ok_or("no type")?;
    let fields = fields(kind).ok_or("an unknown type")?;
    for name in object.keys().filter(|name| *name != "type") {
        if !fields.iter().any(|(known, ..)| known == name) {
            return Err(format!("the unknown field {name}"));
        }
    }
    for (name, kind, need) in fields {
        match (object.get(*name), need) {
            (None, Need::Must) => return Err(format!("the field {name} is missing")),
            (None, Need::May) => {}
            (Some(value), _) if kind.fits(value) => {}
            (Some(value), _) => return Err(format!("the field {name} is {value}")),
        }
    }
    Ok(())
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Metadata => value
                .as_object()
                .is_some_and(|providers| providers.values().all(Value::is_object)),
            Self::Anything => true,
        }
    }
}

//! Messages.

use crate::db::{
    failure::Failure,
    names::{from_json, instant, named, to_json},
};
use copilot_core::{
    message::{Message, MessageMetadata, NewMessage, Role, sequence},
    turn::TurnKey,
};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub session_id: Uuid,
    pub turn_id: Uuid,
    pub sequence: i64,
    pub role: String,
    pub content: Option<String>,
    pub name: Option<String>,
    pub tool_call_id: Option<String>,
    pub refusal: Option<String>,
    pub tool_calls: Option<String>,
    pub function_call: Option<String>,
    pub reasoning: Option<String>,
    pub created_at: i64,
    pub metadata: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A row for `message` of turn `number`.
    pub(in crate::db) fn new(
        key: TurnKey,
        number: i64,
        created_at: i64,
        message: NewMessage,
    ) -> Result<Self, Failure> {
        Ok(Self {
            id: message.id.uuid(),
            session_id: key.session_id.uuid(),
            turn_id: key.turn_id.uuid(),
            sequence: sequence(number, message.place),
            role: role_name(message.role).to_owned(),
            content: message.content,
            name: message.name,
            tool_call_id: message.tool_call_id,
            refusal: None,
            tool_calls: json_list(&message.tool_calls)?,
            function_call: None,
            reasoning: json_list(&message.reasoning)?,
            created_at,
            metadata: metadata_json(message.metadata)?,
        })
    }
}

impl TryFrom<Model> for Message {
    type Error = Failure;

    fn try_from(row: Model) -> Result<Self, Failure> {
        Ok(Self {
            id: row.id.into(),
            session_id: row.session_id.into(),
            turn_id: row.turn_id.into(),
            sequence: row.sequence,
            role: named(&row.role)?,
            content: row.content,
            name: row.name,
            tool_call_id: row.tool_call_id,
            tool_calls: row
                .tool_calls
                .as_deref()
                .map(from_json)
                .transpose()?
                .unwrap_or_default(),
            reasoning: row
                .reasoning
                .as_deref()
                .map(from_json)
                .transpose()?
                .unwrap_or_default(),
            created_at: instant(row.created_at)?,
            metadata: row
                .metadata
                .as_deref()
                .map(from_json)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        Role::System => "system",
    }
}

fn json_list<T: serde::Serialize>(items: &[T]) -> Result<Option<String>, Failure> {
    if items.is_empty() {
        Ok(None)
    } else {
        to_json(items).map(Some)
    }
}

/// The status is derived from the turn on read and never stored.
fn metadata_json(metadata: MessageMetadata) -> Result<Option<String>, Failure> {
    let stored = MessageMetadata {
        status: None,
        ..metadata
    };
    if stored == MessageMetadata::default() {
        Ok(None)
    } else {
        to_json(&stored).map(Some)
    }
}

//! The ledger of tool calls.

use crate::db::{
    failure::Failure,
    names::{from_json, named, number, to_json},
};
use copilot_core::{id::TurnId, ledger::LedgerCall, message::ToolCall};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tool_calls")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub turn_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub step: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_index: i64,
    pub call_id: String,
    pub name: String,
    pub arguments: String,
    pub effect: String,
    pub outcome: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A row for `call`.
    pub(in crate::db) fn new(turn: TurnId, call: LedgerCall) -> Result<Self, Failure> {
        Ok(Self {
            turn_id: turn.uuid(),
            step: call.step.into(),
            call_index: call.index.into(),
            call_id: call.call.id,
            name: call.call.name,
            arguments: call.call.arguments,
            effect: call.effect.as_str().to_owned(),
            outcome: call.outcome.as_ref().map(to_json).transpose()?,
        })
    }
}

impl TryFrom<Model> for LedgerCall {
    type Error = Failure;

    fn try_from(row: Model) -> Result<Self, Failure> {
        Ok(Self {
            call: ToolCall {
                id: row.call_id,
                name: row.name,
                arguments: row.arguments,
            },
            index: number(row.call_index)?,
            step: number(row.step)?,
            effect: named(&row.effect)?,
            outcome: row.outcome.as_deref().map(from_json).transpose()?,
        })
    }
}

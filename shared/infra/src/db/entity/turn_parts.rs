//! What is durable of a turn's stream: one row for each durable point.

use crate::db::{
    failure::Failure,
    names::{column, to_json},
};
use copilot_core::{event::Entry, id::TurnId, position::Position};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "turn_parts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub turn_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub unit: i64,
    pub payload: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A row for `parts`, which end at `end`.
    pub(in crate::db) fn new(
        turn: TurnId,
        end: Position,
        parts: &[Entry],
    ) -> Result<Self, Failure> {
        Ok(Self {
            turn_id: turn.uuid(),
            attempt: end.attempt.into(),
            unit: column(end.unit)?,
            payload: to_json(parts)?,
        })
    }
}

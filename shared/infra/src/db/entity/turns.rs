//! Turns.

use crate::db::{
    failure::Failure,
    names::{from_json, instant, maybe_instant, named, number},
};
use copilot_core::{id::UserId, position::Position, turn::Turn};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "turns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub session_id: Uuid,
    pub user_id: Option<String>,
    pub caller_key: String,
    pub number: i64,
    pub status: String,
    pub attempt: i64,
    pub owner: Option<Uuid>,
    pub lost_attempts: i64,
    pub steps: i64,
    pub durable_attempt: i64,
    pub durable_unit: i64,
    pub cancel_requested_at: Option<i64>,
    pub idempotency_key: Option<String>,
    pub content_digest: Option<String>,
    pub answer_id: Uuid,
    pub message_id: Uuid,
    pub request: String,
    pub finish_reason: Option<String>,
    pub usage: String,
    pub error: Option<String>,
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub deadline_at: Option<i64>,
    pub finished_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Turn {
    type Error = Failure;

    fn try_from(row: Model) -> Result<Self, Failure> {
        Ok(Self {
            id: row.id.into(),
            session_id: row.session_id.into(),
            user_id: row.user_id.map(UserId::new),
            number: row.number,
            status: named(&row.status)?,
            attempt: number(row.attempt)?,
            owner: row.owner.map(Into::into),
            lost_attempts: number(row.lost_attempts)?,
            steps: number(row.steps)?,
            durable: Position::new(number(row.durable_attempt)?, number(row.durable_unit)?),
            cancel_requested: row.cancel_requested_at.is_some(),
            answer_id: row.answer_id.into(),
            request: from_json(&row.request)?,
            finish_reason: row.finish_reason.as_deref().map(named).transpose()?,
            usage: from_json(&row.usage)?,
            error: row.error.as_deref().map(from_json).transpose()?,
            created_at: instant(row.created_at)?,
            started_at: maybe_instant(row.started_at)?,
            deadline_at: maybe_instant(row.deadline_at)?,
            finished_at: maybe_instant(row.finished_at)?,
        })
    }
}

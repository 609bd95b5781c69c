//! Cancel.

use super::turn::TurnStatusDto;
use crate::fields::{Fields, ReadFields};
use copilot_core::service::cancelling::{CancelReason, Cancelled};
use poem_openapi::{Enum, Object};
use uuid::Uuid;

/// What to cancel; without a body the running turn and all waiting ones
#[derive(Object)]
#[oai(rename = "Cancel")]
pub(crate) struct CancelBody {
    /// This turn alone
    pub(crate) turn_id: Option<Uuid>,
}

impl ReadFields for CancelBody {
    fn read(fields: &mut Fields) -> Self {
        let turn_id = fields.text("turn_id").and_then(|text| {
            Uuid::try_parse(&text)
                .ok()
                .or_else(|| fields.refuse("turn_id", "must be a UUID"))
        });
        Self { turn_id }
    }
}

/// Why a cancel did not simply stop a running turn
#[derive(Clone, Copy, Enum)]
#[oai(rename = "CancelReason", rename_all = "snake_case")]
pub(crate) enum CancelReasonDto {
    NoActiveSession,
    Dequeued,
    Forced,
}

impl From<CancelReason> for CancelReasonDto {
    fn from(reason: CancelReason) -> Self {
        match reason {
            CancelReason::NoActiveSession => Self::NoActiveSession,
            CancelReason::Dequeued => Self::Dequeued,
            CancelReason::Forced => Self::Forced,
        }
    }
}

/// What a cancel came to
#[derive(Object)]
#[oai(rename = "Cancelled")]
pub(crate) struct CancelledDto {
    /// Always true
    cancelled: bool,
    /// Null in the plain case; `dequeued`: the turn was waiting; `forced`: no executor
    /// confirmed in time; `no_active_session`: there was nothing to stop
    reason: Option<CancelReasonDto>,
    /// The oldest turn that was stopped
    turn_id: Option<Uuid>,
    /// Where that turn stands now
    status: Option<TurnStatusDto>,
}

impl From<Cancelled> for CancelledDto {
    fn from(outcome: Cancelled) -> Self {
        Self {
            cancelled: true,
            reason: outcome.reason.map(Into::into),
            turn_id: outcome.turn_id.map(copilot_core::id::TurnId::uuid),
            status: outcome.status.map(Into::into),
        }
    }
}

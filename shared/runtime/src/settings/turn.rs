use std::time::Duration;

use super::fault::{Fault, positive, within};
use super::raw::RawTurn;

/// Limits of turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnSettings {
    /// Model replies in one turn.
    pub max_steps: u32,
    /// From the first start, without pauses.
    pub timeout: Duration,
    /// Attempts lost in a row before a turn fails.
    pub max_attempts: u32,
    /// Turns of one user that run.
    pub max_running_per_user: u32,
    /// Turns of one user that run or wait; not below `max_running_per_user`.
    pub max_in_flight_per_user: u32,
}

impl TurnSettings {
    pub(super) fn checked(raw: &RawTurn) -> Result<Self, Fault> {
        let max_running_per_user = within(
            "turn.max_running_per_user",
            raw.max_running_per_user,
            1..=100_000,
        )?;
        if raw.max_in_flight_per_user < max_running_per_user {
            return Err(Fault::new(
                "turn.max_in_flight_per_user",
                format!(
                    "expected at least turn.max_running_per_user ({max_running_per_user}), got {}",
                    raw.max_in_flight_per_user
                ),
            ));
        }
        Ok(Self {
            max_steps: within("turn.max_steps", raw.max_steps, 1..=1000)?,
            timeout: positive("turn.timeout_seconds", raw.timeout_seconds)?,
            max_attempts: within("turn.max_attempts", raw.max_attempts, 1..=100)?,
            max_running_per_user,
            max_in_flight_per_user: within(
                "turn.max_in_flight_per_user",
                raw.max_in_flight_per_user,
                1..=100_000,
            )?,
        })
    }
}

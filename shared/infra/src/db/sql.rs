//! Pieces of statements that several methods share. In all of them `t` is the turn.

use super::dialect::Dialect;

macro_rules! turn_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "id, ",
            $prefix,
            "session_id, ",
            $prefix,
            "user_id, ",
            $prefix,
            "caller_key, ",
            $prefix,
            "number, ",
            $prefix,
            "status, ",
            $prefix,
            "attempt, ",
            $prefix,
            "owner, ",
            $prefix,
            "lost_attempts, ",
            $prefix,
            "steps, ",
            $prefix,
            "durable_attempt, ",
            $prefix,
            "durable_unit, ",
            $prefix,
            "cancel_requested_at, ",
            $prefix,
            "idempotency_key, ",
            $prefix,
            "content_digest, ",
            $prefix,
            "answer_id, ",
            $prefix,
            "message_id, ",
            $prefix,
            "request, ",
            $prefix,
            "finish_reason, ",
            $prefix,
            "usage, ",
            $prefix,
            "error, ",
            $prefix,
            "created_at, ",
            $prefix,
            "started_at, ",
            $prefix,
            "deadline_at, ",
            $prefix,
            "finished_at"
        )
    };
}

/// A turn's columns, for `RETURNING`. Named one by one: `*` would break prepared statements
/// when a migration adds a column under a running program.
pub(super) const TURN: &str = turn_columns!("");

/// A turn's columns, for a join.
pub(super) const TURN_OF_T: &str = turn_columns!("t.");

/// The turn's session is not deleted.
pub(super) const SESSION_STANDS: &str =
    "EXISTS (SELECT 1 FROM sessions s WHERE s.id = t.session_id AND s.deleted_at IS NULL)";

/// No earlier turn of its session is unfinished.
pub(super) const FIRST_IN_SESSION: &str = "NOT EXISTS (SELECT 1 FROM turns p \
     WHERE p.session_id = t.session_id AND p.finished_at IS NULL AND p.number < t.number)";

/// What `lost_attempts` will be if its present owner is lost.
pub(super) const LOST_ATTEMPTS: &str =
    "t.lost_attempts + CASE WHEN t.status = 'running' AND t.owner IS NOT NULL THEN 1 ELSE 0 END";

/// An executor with a good lease works on the turn.
pub(super) fn held(dialect: Dialect) -> String {
    good_lease(dialect, "t.owner")
}

/// `executor` has a good lease.
pub(super) fn good_lease(dialect: Dialect, executor: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM executors e WHERE e.id = {executor} AND e.expires_at > {now})",
        now = dialect.now(),
    )
}

/// What a session does, as a number: 0 idle, 1 queued, 2 paused, 3 running.
pub(super) const SESSION_ACTIVITY: &str = "COALESCE((SELECT MAX(CASE q.status WHEN 'running' THEN 3 WHEN 'paused' THEN 2 ELSE 1 END) \
     FROM turns q WHERE q.session_id = s.id AND q.finished_at IS NULL), 0)";

/// A session's columns, for a join. `activity` is derived.
pub(super) fn session_columns() -> String {
    format!(
        "s.id, s.client_id, s.user_id, s.title, s.created_at, s.updated_at, \
         CAST({SESSION_ACTIVITY} AS bigint) AS activity"
    )
}

//! The contract of the stores, on SQLite in memory, on a SQLite file and on Postgres.

mod backend;
mod claiming;
mod committing;
mod crowd;
mod database;
mod deleting;
mod intake;
mod life;
mod plans;
mod reading;
mod scene;
mod sessions;
mod upkeep;

/// The list of all tests, and each of them once a backend.
macro_rules! store_suite {
    ($($area:ident: $($test:ident)+;)+) => {
        store_suite!(@on sqlite_memory SqliteMemory $($($area $test)+)+);
        store_suite!(@on sqlite_file SqliteFile $($($area $test)+)+);
        store_suite!(@on postgres Postgres $($($area $test)+)+);
    };
    (@on $module:ident $backend:ident $($area:ident $test:ident)+) => {
        mod $module {
            use super::backend::{self, Backend};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    backend::run(Backend::$backend, super::$area::$test).await;
                }
            )+
        }
    };
}

store_suite! {
    sessions:
        a_session_is_given_back_as_it_was_made
        one_owner_and_client_id_have_one_session
        a_deleted_session_gives_its_client_id_up
        sessions_are_listed_newest_first_and_only_to_their_owner
        another_owner_sees_nothing
        an_anonymous_session_is_claimed_once_and_for_good
        of_all_who_claim_at_once_one_gets_the_session
        a_session_says_what_it_does
        a_rename_sets_the_title_and_moves_the_session_up
        a_title_is_made_only_where_there_is_none
        a_probe_leaves_nothing_behind;
    intake:
        a_message_becomes_a_queued_turn
        turns_are_numbered_in_order_of_acceptance
        a_message_for_no_session_is_refused
        the_same_key_attaches
        the_same_key_with_another_content_is_a_mismatch
        the_same_key_many_times_at_once_makes_one_turn
        the_key_is_asked_before_the_caps
        a_caller_with_too_many_turns_is_refused
        the_cap_on_turns_holds_against_many_at_once
        anonymous_sessions_are_counted_apart
        a_busy_session_can_refuse
        an_interrupt_marks_all_others
        cancel_marks_one_or_all
        cancel_of_an_ended_turn_says_so
        cancel_of_another_ones_turn_finds_nothing
        files_of_a_request_go_with_the_message_and_open_the_stream;
    claiming:
        a_claim_starts_a_turn
        many_claims_at_once_make_one_owner
        turns_of_a_session_are_claimed_in_order
        a_caller_over_the_cap_waits
        an_executor_without_a_good_lease_claims_nothing
        a_live_owner_keeps_its_turn
        a_lost_lease_lets_another_take_over
        an_expired_lease_lets_another_take_over
        used_up_attempts_are_not_claimed
        a_durable_point_forgives_lost_attempts
        a_hand_back_in_order_is_no_lost_attempt
        a_hand_back_after_a_failure_is_one
        a_hand_back_may_be_repeated
        the_deadline_counts_from_the_first_claim
        a_claim_brings_the_cancel_mark
        a_turn_that_was_cancelled_while_it_waited_never_starts
        the_look_finds_the_oldest_first_and_tells_before_it_claims
        the_look_tells_also_of_a_turn_that_it_then_cannot_claim
        the_look_leaves_fresh_turns_to_their_hints
        two_looks_at_once_share_the_turns
        a_heartbeat_tells_what_is_mine
        a_lost_lease_has_no_heartbeat
        a_lease_for_the_process_voids_all_others
        the_next_waiting_turn_is_the_sessions_own_first;
    committing:
        a_reply_is_a_durable_point
        a_result_is_a_durable_point
        the_last_result_brings_its_messages
        a_result_for_no_call_is_an_error
        every_commit_may_be_repeated
        a_late_repeat_of_an_early_point_changes_nothing
        an_end_is_final
        an_end_may_be_repeated
        a_takeover_fences_every_commit
        a_raise_fences_every_commit
        groundwork_is_what_an_attempt_starts_from
        groundwork_shows_nothing_of_turns_that_never_ran
        groundwork_is_only_for_the_claimer;
    upkeep:
        an_ended_turn_has_an_unfinished_stream_until_told_otherwise
        a_forced_end_has_an_unfinished_stream_too
        a_raised_turn_brings_all_that_its_end_needs
        a_waiting_turn_can_be_ended_by_force
        a_held_turn_is_raised_only_by_force
        used_up_attempts_can_be_closed
        a_raise_that_nobody_finished_is_found_again
        an_overdue_turn_can_be_closed
        a_cancel_is_closable_at_once_only_if_unheld
        states_tell_where_turns_stand;
    deleting:
        a_deleted_session_is_gone_for_everybody
        deletion_cancels_and_raises_all_unfinished_turns
        a_late_commit_after_deletion_is_fenced
        an_untouched_session_expires_when_it_is_idle
        expiry_is_bounded_and_takes_the_oldest
        a_purge_removes_every_row
        a_purge_leaves_what_is_young_or_alive
        a_purge_is_bounded;
    reading:
        what_a_running_turn_has_made_is_hidden
        waiting_and_dequeued_messages_say_so
        pages_count_only_what_is_shown
        the_active_stream_is_the_oldest_unfinished_turn
        turns_are_listed_newest_first
        a_turn_is_found_by_its_owner_alone
        what_is_recorded_is_opening_and_parts;
    crowd:
        a_caller_that_goes_away_leaves_a_whole_or_nothing
        many_hands_at_once_leave_every_turn_with_one_end;
}

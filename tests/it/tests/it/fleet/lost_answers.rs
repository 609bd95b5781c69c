//! A commit that happened, and whose answer got lost with the connection.

use copilot_harness::{calls, lossy_line::LossyLine, text};
use serde_json::json;

use super::Fleet;
use super::history::{Accepted, check, check_count};

/// The commits of a turn with one tool: its claim, the first reply, the tool's result, the end.
const COMMITS: usize = 4;

#[tokio::test]
async fn a_turn_ends_well_whichever_commits_answer_is_lost() {
    let mut fleet = Fleet::prepare(1, 1).await;
    let line = LossyLine::to(fleet.copilot.tenancy().database_url()).await;
    let own = fleet.copilot.executor_mut(0);
    own.set("COPILOT__DATABASE__URL", Some(line.url()));
    fleet.llm.respond(|asked| match asked.step() {
        0 => calls("search_docs", json!({"query": "resume"})),
        _ => text("Found."),
    });
    fleet.copilot.start().await;
    let client = fleet.client(0);
    for lost in 0..COMMITS {
        line.lose_answer_of_commit(lost);
        let session = client.create_session().await;
        let mut events = client.start_stream(&session, "find").open().await;
        let seen = events.to_finish().await;
        assert!(!line.is_armed(), "there was no commit {lost}");

        let turn = client.known_turn(&session, seen.turn_id());
        let answer = "Found.".to_owned();
        check(&client, &[Accepted { turn, answer }]).await;
        check_count(&client, &session, 1).await;
    }
}

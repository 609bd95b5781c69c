//! Streams on a cluster of Redis.

use copilot_harness::servers::{REDIS_CLUSTER_VARIABLE, Servers, of_run};
use copilot_harness::{calls, text};
use serde_json::json;

use super::Fleet;
use super::history::{Accepted, check};
use crate::pieces::joined;

#[tokio::test]
async fn a_turn_is_streamed_and_resumed_over_three_nodes() {
    let servers = Servers {
        redis: Some(of_run(REDIS_CLUSTER_VARIABLE)),
        ..Servers::default()
    };
    let mut fleet = Fleet::prepare_on(servers, 2, 1).await;
    fleet.copilot.start().await;
    fleet.llm.respond(|asked| match asked.step() {
        0 => calls("search_docs", json!({"query": "resume"})),
        _ => text("Found, in the docs."),
    });
    let (here, there) = (fleet.client(0), fleet.client(1));
    let mut accepted = Vec::new();
    // Sessions lie on different nodes.
    for _ in 0..8 {
        let session = here.create_session().await;
        let mut events = here.start_stream(&session, "find").open().await;
        events.until(|event| event.is("finish-step")).await;
        let head = events.seen().clone();
        drop(events);

        let mut rest = there.resume(&session, head.last_cursor()).events();
        let rest = rest.to_finish().await;

        let answer = "Found, in the docs.".to_owned();
        assert_eq!(joined(&head, &rest).unwrap().text(), answer);
        let turn = here.known_turn(&session, head.turn_id());
        accepted.push(Accepted { turn, answer });
    }
    check(&there, &accepted).await;
}

//! The page in a real browser: `tests/browser` clicks, this is the server behind it.

use std::process::Stdio;
use std::time::Duration;

use copilot_harness::deadline::within;
use copilot_harness::identity::token_of;
use copilot_harness::{ChatRequest, Reply, TestStack, calls, status, text};
use serde_json::json;
use tokio::process::Command;

/// All that is clicked together.
const LIMIT: Duration = Duration::from_secs(150);
/// Between two deltas of a slow answer.
const PAUSE: Duration = Duration::from_millis(40);

const RICH: &str = "## A plan\n\nFirst **this**, then `that`:\n\n1. one\n2. two\n   - inner\n\n\
     | a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```rust\nfn main() {}\n```\n\nSee [here](https://example.org/).";

const EVIL: &str = "<script>stolen=1</script> <img src=x onerror=stolen=2> \
     [click](javascript:stolen=3) [data](data:text/html,<script>stolen=4</script>) \
     ![pixel](https://evil.example/pixel.png) <b>bold</b> [x](\" onmouseover=stolen=5)";

fn answer(asked: &ChatRequest) -> Reply {
    let said = asked.last_user_text();
    // Before it stands what is known of the user and the page.
    let question = said.lines().last().unwrap_or_default();
    match (question, asked.step()) {
        ("rich", 0) => calls("search_docs", json!({"query": "resume a stream"}))
            .reasoning("Let me look that up. "),
        ("rich", _) => text(RICH).reasoning("Now I know. "),
        ("evil", 0) => calls("search_docs", json!({"query": EVIL})),
        ("evil", _) => text(EVIL),
        ("slow", _) => Reply::words(60).delay_between(PAUSE),
        ("fail", _) => status(401),
        (_, _) => text("A short answer."),
    }
}

#[tokio::test]
async fn people_talk_to_it_in_chromium() {
    let open = TestStack::builder().embedded().start().await;
    let closed = TestStack::builder().embedded().signed_in("ann");
    let closed = closed.start().await;
    for stack in [&open, &closed] {
        stack.llm.respond(answer);
    }

    let ran = Command::new("node")
        .args(["--test", "page.test.mjs"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../browser"))
        .env("COPILOT_URL", open.client.base())
        .env("COPILOT_JWT_URL", closed.client.base())
        .env("COPILOT_TOKEN", token_of("ann"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ran = within(LIMIT, || "the browser's tests".to_owned(), ran).await;

    let ran = ran.expect("the program node");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    open.finish().await;
    closed.finish().await;
}

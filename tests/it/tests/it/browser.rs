//! The page in a real browser: `tests/browser` clicks, this is the server behind it.

use copilot_harness::TestStack;
use copilot_harness::identity::token_of;

use crate::javascript::{answer, run};

#[tokio::test]
async fn people_talk_to_it_in_chromium() {
    let open = TestStack::builder().embedded().start().await;
    let closed = TestStack::builder().embedded().signed_in("ann");
    let closed = closed.start().await;
    for stack in [&open, &closed] {
        stack.llm.respond(answer);
    }

    let variables = [
        ("COPILOT_URL", open.client.base()),
        ("COPILOT_JWT_URL", closed.client.base()),
        ("COPILOT_TOKEN", &token_of("ann")),
    ];
    run("browser", "page.test.mjs", &variables).await;

    open.finish().await;
    closed.finish().await;
}

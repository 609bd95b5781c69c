//! The server behind tests that are written in JavaScript.

use std::process::Stdio;
use std::time::Duration;

use copilot_harness::deadline::within;
use copilot_harness::{ChatRequest, Reply, calls, status, text};
use serde_json::json;
use tokio::process::Command;

/// No set of tests may take longer.
const LIMIT: Duration = Duration::from_secs(150);
/// Between two deltas of a slow answer.
const PAUSE: Duration = Duration::from_millis(40);

const RICH: &str = "## A plan\n\nFirst **this**, then `that`:\n\n1. one\n2. two\n   - inner\n\n\
     | a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```rust\nfn main() {}\n```\n\nSee [here](https://example.org/).";

const EVIL: &str = "<script>stolen=1</script> <img src=x onerror=stolen=2> \
     [click](javascript:stolen=3) [data](data:text/html,<script>stolen=4</script>) \
     ![pixel](https://evil.example/pixel.png) <b>bold</b> [x](\" onmouseover=stolen=5)";

/// The model: what each question is answered with.
pub(crate) fn answer(asked: &ChatRequest) -> Reply {
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

/// Runs the tests of `tests/FOLDER/FILE` with these variables; panics with what they said unless
/// all pass.
pub(crate) async fn run(folder: &str, file: &str, variables: &[(&str, &str)]) {
    let tests = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let ran = Command::new("node")
        .args(["--test", file])
        .current_dir(tests)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ran = within(LIMIT, || format!("the tests of {folder}"), ran).await;
    let ran = ran.expect("the program node");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
}

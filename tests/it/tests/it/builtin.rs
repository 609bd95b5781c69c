//! Without a key: the built-in provider answers from the documentation.

use copilot_harness::{Copilot, TestStack};
use serde_json::Value;

use crate::conversation::{Conversation, each};

async fn start() -> TestStack {
    TestStack::builder().builtin_model().start().await
}

#[tokio::test]
async fn a_question_about_the_product_is_answered_from_its_docs() {
    let stack = start().await;
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("How do I resume a stream?").await;

    assert_eq!(
        answer.first("tool-input-available").str("toolName"),
        "search_docs"
    );
    let output = &answer.first("tool-output-available").json["output"];
    assert_eq!(output["type"], "doc_search_results");
    let results = output["results"].as_array().unwrap();
    assert!((1..=5).contains(&results.len()));
    assert!(
        results
            .iter()
            .all(|found| found["snippet"].as_str().unwrap().chars().count() <= 200)
    );
    let best = results[0]["path"].as_str().unwrap();
    assert_eq!(best, "the-stream.md");
    let message = answer.fold().unwrap();
    assert!(message.text().contains(best), "{}", message.text());
    assert!(
        answer.of("text-delta").count() > 1,
        "it streams word by word"
    );
    assert_eq!(chat.turn_of(&answer).get().await["finish_reason"], "stop");
    stack.finish().await;
}

#[tokio::test]
async fn it_says_that_it_is_no_language_model_and_always_answers_the_same() {
    let stack = start().await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let chat = Conversation::begin(&stack).await;
        answers.push(chat.ask("What is an idempotency key?").await.text());
    }

    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("no language model"), "{}", answers[0]);
    stack.finish().await;
}

#[tokio::test]
async fn a_tool_can_be_called_by_hand() {
    let stack = start().await;
    let chat = Conversation::begin(&stack).await;

    let answer = chat
        .ask(r#"/tool get_doc_page {"path": "the-stream.md"}"#)
        .await;

    let output = &answer.first("tool-output-available").json["output"];
    assert_eq!(output["type"], "doc_page");
    assert_eq!(output["path"], "the-stream.md");
    assert!(
        output["content"]
            .as_str()
            .unwrap()
            .contains("How to resume a stream")
    );
    assert!(!answer.text().is_empty());
    stack.finish().await;
}

#[tokio::test]
async fn every_page_that_a_search_finds_can_be_read() {
    let stack = start().await;
    let chat = Conversation::begin(&stack).await;
    let answer = chat.ask(r#"/tool search_docs {"query": "settings"}"#).await;
    let results = answer.first("tool-output-available").json["output"]["results"].clone();

    for path in each(results.as_array().unwrap(), "path") {
        let page = chat
            .ask(&format!(r#"/tool get_doc_page {{"path": "{path}"}}"#))
            .await;
        assert_eq!(
            page.first("tool-output-available").json["output"]["path"],
            path
        );
    }
    stack.finish().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_docs() {
    let stack = start().await;
    let chat = Conversation::begin(&stack).await;

    for path in [
        "../Cargo.toml",
        "/etc/passwd",
        "a/../../copilot.db",
        "no-such-page.md",
    ] {
        let answer = chat
            .ask(&format!(r#"/tool get_doc_page {{"path": "{path}"}}"#))
            .await;
        let outputs: Vec<&Value> = answer
            .of("tool-output-available")
            .map(|event| &event.json["output"])
            .collect();
        assert!(
            outputs.iter().all(|output| output["type"] != "doc_page"),
            "{path}: {outputs:?}"
        );
        assert_eq!(answer.of("tool-input-available").count(), 1);
        assert!(!answer.text().contains("root:"));
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_call_that_cannot_work_is_told_and_the_turn_still_ends_well() {
    let stack = start().await;
    let chat = Conversation::begin(&stack).await;

    for message in [
        "/tool no_such_tool {}",
        "/tool search_docs {broken",
        "/tool search_docs",
    ] {
        let answer = chat.ask(message).await;
        assert_eq!(answer.of("tool-output-error").count(), 1, "{message}");
        assert!(!answer.text().is_empty(), "{message}");
        assert_eq!(chat.turn_of(&answer).get().await["status"], "completed");
    }
    stack.finish().await;
}

#[tokio::test]
async fn a_search_that_finds_nothing_says_so() {
    let stack = start().await;
    let chat = Conversation::begin(&stack).await;

    let answer = chat.ask("xyzzyplugh qwertzuiop").await;

    let output = &answer.first("tool-output-available").json["output"];
    assert_eq!(output["type"], "no_results");
    assert!(!answer.text().is_empty());
    stack.finish().await;
}

#[tokio::test]
async fn folders_of_the_operator_are_searched_too() {
    let mut copilot = Copilot::new();
    let folder = copilot.directory().join("handbook");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("coffee.md"),
        "# Coffee machine\n\n## Descaling\n\nUse citric acid monthly.\n",
    )
    .unwrap();
    copilot.set("COPILOT__DOCS__PATHS", folder.display().to_string());
    copilot.start().await;
    let client = copilot.client();
    let session = client.create_session().await;

    let answer = client
        .start_stream(&session, "How do I descale the coffee machine?")
        .events()
        .to_finish()
        .await;

    let output = &answer.first("tool-output-available").json["output"];
    let paths = each(output["results"].as_array().unwrap(), "path");
    assert!(paths[0].contains("coffee.md"), "{output}");
    assert!(answer.text().contains("citric acid"), "{}", answer.text());
}

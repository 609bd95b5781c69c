//! `copilot chat`: the terminal's client against a real server.

use std::process::{Output, Stdio};
use std::time::Duration;

use copilot_harness::deadline::{DEADLINE, within};
use copilot_harness::llm::text_of_words;
use copilot_harness::{Gate, Reply, TestStack, calls, status, text};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::conversation::messages_of;
use crate::start_up::said;

/// Starts `copilot chat` with these arguments, as a program in a pipe.
fn start(stack: &TestStack, arguments: &[&str]) -> Child {
    start_at(stack.client.base(), stack, arguments)
}

fn start_at(url: &str, stack: &TestStack, arguments: &[&str]) -> Child {
    let all = [&["chat", "--url", url], arguments].concat();
    let mut command = Command::from(stack.copilot.api(0).command(&all));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().expect("copilot chat")
}

async fn ended(child: Child) -> Output {
    let waiting = child.wait_with_output();
    let output = within(DEADLINE, || "the end of the chat".to_owned(), waiting).await;
    output.expect("an output")
}

/// Its exit code, standard output and standard error.
async fn outcome(child: Child) -> (Option<i32>, String, String) {
    let output = ended(child).await;
    let (stdout, stderr) = said(&output);
    (output.status.code(), stdout, stderr)
}

#[tokio::test]
async fn in_a_pipe_it_prints_the_answer_and_nothing_else() {
    let stack = TestStack::builder().embedded().start().await;
    stack.llm.respond(|asked| match asked.step() {
        0 => Reply::text_then_calls("I look. ", "search_docs", json!({"query": "resume"})),
        _ => text("Found it."),
    });

    let asked = outcome(start(&stack, &["where is it?"])).await;
    let mut piped = start(&stack, &[]);
    let mut input = piped.stdin.take().unwrap();
    input.write_all(b"where is it?\n").await.unwrap();
    drop(input);
    let piped = outcome(piped).await;

    let expected = "I look.\nFound it.\n".to_owned();
    assert_eq!(asked, (Some(0), expected.clone(), String::new()));
    assert_eq!(piped, (Some(0), expected, String::new()));
    stack.finish().await;
}

#[tokio::test]
async fn a_session_goes_on_and_programs_get_each_event() {
    let stack = TestStack::builder().embedded().start().await;
    let session = stack.client.create_session().await;
    stack.llm.script([text("One."), text("Two.")]);

    outcome(start(&stack, &["--session", &session, "first"])).await;
    let (code, stdout, _) =
        outcome(start(&stack, &["--json", "--session", &session, "second"])).await;

    assert_eq!(code, Some(0));
    let events: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("start", "finish"));
    let read = stack.client.get_session(&session).ok().await;
    assert_eq!(messages_of(&read).len(), 4);
    stack.finish().await;
}

#[tokio::test]
async fn what_went_wrong_is_told_in_a_line_and_by_the_exit_code() {
    let stack = TestStack::builder().embedded().start().await;
    stack.llm.script([status(401)]);

    let (failed, _, said) = outcome(start(&stack, &["hi"])).await;
    assert_eq!(failed, Some(1));
    assert!(said.starts_with("error: "), "{said}");
    let (refused, _, said) = outcome(start(&stack, &["--session", "nobody", "hi"])).await;
    assert_eq!(refused, Some(1));
    assert!(
        said.starts_with("copilot: ") && said.lines().count() == 1,
        "{said}"
    );
    let empty = start(&stack, &["  "]);
    assert_eq!(outcome(empty).await.0, Some(2));
    // Nobody listens on port 1.
    let nowhere = start_at("http://127.0.0.1:1", &stack, &["hi"]);
    let (unreachable, _, said) = outcome(nowhere).await;
    assert_eq!(unreachable, Some(3));
    assert!(
        said.contains("127.0.0.1:1") && said.contains("running?"),
        "{said}"
    );
    stack.finish().await;
}

#[tokio::test]
async fn ctrl_c_cancels_the_turn() {
    let stack = TestStack::builder().embedded().start().await;
    let session = stack.client.create_session().await;
    let never = Gate::new();
    stack
        .llm
        .script([text("half ").gate(&never).and_text("rest")]);
    let mut child = start(&stack, &["--json", "--session", &session, "go"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = within(DEADLINE, || "a line".to_owned(), lines.next_line()).await;
        line.unwrap()
    };
    while !next().await.unwrap().contains("half ") {}

    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", "INT", &id]).status().await;
    assert!(sent.unwrap().success());
    let mut last = String::new();
    while let Some(line) = next().await {
        last = line;
    }
    let (code, _, _) = outcome(child).await;

    assert_eq!(code, Some(130));
    assert!(last.contains("\"finish\""), "{last}");
    let turns = stack.client.list_turns(&session).ok().await;
    assert_eq!(turns["turns"][0]["status"], "cancelled");
    stack.finish().await;
}

#[tokio::test]
async fn an_answer_goes_on_after_the_server_was_killed() {
    let mut stack = TestStack::builder().embedded().start().await;
    let words = || Reply::words(40).delay_between(Duration::from_millis(20));
    let slow = Gate::new();
    stack.llm.script([words().gate_after(20, &slow), words()]);
    let child = start(&stack, &["go"]);
    slow.reached().await;

    stack.restart().await;
    let (code, stdout, _) = outcome(child).await;

    let expected = text_of_words(40);
    assert_eq!((code, stdout.trim()), (Some(0), expected.trim()));
    stack.finish().await;
}

#[tokio::test]
async fn a_person_at_a_terminal_sees_tools_and_text_as_they_come() {
    let stack = TestStack::builder().embedded().start().await;
    stack.llm.respond(|asked| match asked.step() {
        0 => calls("search_docs", json!({"query": "resume a stream"})),
        _ => text("Found it."),
    });
    let chat = stack.copilot.api(0).command(&[]);
    let program = chat.get_program().to_string_lossy().into_owned();
    let line = format!(
        "{program} chat --url {} 'where is it?'",
        stack.client.base()
    );

    // It gives the program a terminal.
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let output = ended(script.spawn().expect("the program script, of util-linux")).await;

    let (shown, _) = said(&output);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("· search docs resume a stream"), "{shown:?}");
    assert!(shown.contains("Found it."), "{shown:?}");
    stack.finish().await;
}

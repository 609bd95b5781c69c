//! Behind an ingress: a path prefix, an address for the outside, and proxies that are believed.

use copilot_harness::{TestStack, text};

const LIES: [(&str, &str); 3] = [
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-host", "copilot.example.com"),
    ("x-forwarded-proto", "https"),
];

async fn start(settings: &[(&str, &str)]) -> TestStack {
    let builder = settings
        .iter()
        .fold(TestStack::builder(), |builder, (name, value)| {
            builder.env(name, *value)
        });
    builder.start().await
}

async fn page(stack: &TestStack, path: &str, headers: &[(&str, &str)]) -> String {
    let call = headers
        .iter()
        .fold(stack.client.get(path), |call, (name, value)| {
            call.header(name, value)
        });
    call.status(200).await.text().to_owned()
}

#[tokio::test]
async fn everything_works_below_a_path_and_nothing_beside_it() {
    let builder = TestStack::builder().embedded();
    let builder = builder.env("COPILOT__SERVER__PUBLIC_URL", "https://copilot.example.com");
    let mut stack = builder.start().await;
    stack.copilot.kill9();
    stack.copilot.set("COPILOT__SERVER__BASE_PATH", "/in/side");
    stack.copilot.spawn();
    let outer = stack.client.clone();
    stack.client = copilot_harness::Client::new(format!("{}/in/side", outer.base()));
    until_up(&stack).await;
    stack.llm.script([text("from below")]);

    let session = stack.client.create_session().await;
    let seen = stack
        .client
        .start_stream(&session, "hello")
        .events()
        .to_finish()
        .await;

    assert_eq!(seen.text(), "from below");
    for path in [
        "/livez",
        "/readyz",
        "/api/chat/health",
        "/openapi.json",
        "/docs",
    ] {
        stack.client.get(path).status(200).await;
        outer.get(path).problem(404).await;
    }
    let page = page(&stack, "/", &[]).await;
    for link in ["/docs", "/openapi.json", "/page/page.css", "/page/main.js"] {
        assert!(page.contains(&format!("\"/in/side{link}\"")), "{page}");
    }
    stack.client.get("/page/main.js").status(200).await;
    let spec = stack.client.get("/openapi.json").ok().await;
    assert_eq!(
        spec["servers"][0]["url"],
        "https://copilot.example.com/in/side"
    );
    let docs = stack.client.get("/docs").status(200).await;
    assert!(docs.text().contains("https://copilot.example.com/in/side"));
}

async fn until_up(stack: &TestStack) {
    let address = stack.client.base().trim_start_matches("http://").to_owned();
    let address = address.split('/').next().unwrap().to_owned();
    copilot_harness::deadline::poll_until(
        copilot_harness::deadline::DEADLINE,
        || format!("something listens on {address}"),
        || async { tokio::net::TcpStream::connect(&address).await.is_ok() },
    )
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_address_that_links_show() {
    let stack = start(&[("COPILOT__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1")]).await;

    let seen = page(&stack, "/", &LIES).await;
    let standard = "for=203.0.113.9;host=other.example.com;proto=https";
    let by_standard = page(&stack, "/", &[("forwarded", standard)]).await;

    assert!(seen.contains("https://copilot.example.com/docs"), "{seen}");
    assert!(
        by_standard.contains("https://other.example.com/docs"),
        "{by_standard}"
    );
    // Whom a proxy names is not thereby let in.
    let evil = stack.client.list_sessions().host("evil.example");
    evil.header("x-forwarded-host", "localhost")
        .problem(403)
        .await;
    stack.finish().await;
}

#[tokio::test]
async fn a_stranger_tells_nothing() {
    let stack = start(&[]).await;

    let seen = page(&stack, "/", &LIES).await;

    assert!(!seen.contains("copilot.example.com"), "{seen}");
    assert!(
        seen.contains(&format!("{}/docs", stack.client.base())),
        "{seen}"
    );
    stack.finish().await;
}

#[tokio::test]
async fn the_log_names_the_client_behind_a_trusted_proxy() {
    for (proxies, expected) in [("127.0.0.0/8", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")] {
        let stack = start(&[("COPILOT__SERVER__TRUSTED_PROXIES", proxies)]).await;
        let session = stack.client.create_session().await;

        let read = stack.client.get_session(&session);
        read.header("x-forwarded-for", "203.0.113.9").ok().await;

        let lines = stack.copilot.log_lines();
        let line = lines.iter().find(|line| {
            line["message"] == "session read" || line["fields"]["message"] == "session read"
        });
        let line = line.expect("a line for what was read").to_string();
        assert!(
            line.contains(&format!(r#""client":"{expected}""#)),
            "{line}"
        );
        stack.finish().await;
    }
}

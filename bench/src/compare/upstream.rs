//! The fake model as a program of its own, and what it can do.

use super::program::Program;
use crate::usage::Usage;
use anyhow::Context as _;
use futures::{TryStreamExt as _, future::try_join_all};
use std::time::Instant;

/// A model that says `deltas` words.
pub(super) struct Upstream {
    program: Program,
    url: String,
}

impl Upstream {
    pub(super) async fn start(deltas: usize, delay_millis: u64) -> anyhow::Result<Self> {
        let arguments = [
            "--port=0".to_owned(),
            format!("--deltas={deltas}"),
            format!("--delay-ms={delay_millis}"),
        ];
        let program = Program::start("fake-upstream", &arguments).await?;
        let mut words = program.said().split_whitespace();
        let url = words.find_map(|word| word.strip_prefix("OPENAI_BASE_URL="));
        let url = url.context("a line that names the address")?.to_owned();
        Ok(Self { program, url })
    }

    /// Up to `/v1`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// Prints how many deltas it makes in a second of CPU time: it must not be what is measured.
pub(super) async fn measure() -> anyhow::Result<()> {
    const DELTAS: usize = 1_000;
    const REQUESTS: usize = 400;
    const AT_A_TIME: usize = 8;
    let upstream = Upstream::start(DELTAS, 0).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/chat/completions", upstream.url());
    let ask = serde_json::json!({
        "model": "fake", "stream": true, "messages": [{"role": "user", "content": "go"}],
    });
    let before = Usage::of(upstream.program.pid()?);
    let began = Instant::now();
    let asking = (0..AT_A_TIME).map(|_| async {
        for _ in 0..REQUESTS / AT_A_TIME {
            let asked = client.post(&url).bearer_auth("fake").json(&ask).send();
            let mut body = asked.await?.error_for_status()?.bytes_stream();
            while body.try_next().await?.is_some() {}
        }
        anyhow::Ok(())
    });
    try_join_all(asking).await?;
    let wall = began.elapsed().as_secs_f64();
    let used = Usage::of(upstream.program.pid()?).cpu_seconds - before.cpu_seconds;
    let deltas = (REQUESTS * DELTAS) as f64;
    println!("## The fake model\n");
    println!(
        "{:.0} deltas/s, {:.0} for each second of CPU time it used.\n",
        deltas / wall,
        deltas / used
    );
    Ok(())
}

//! An OpenAI-compatible server that answers every request with the same words, for benches.

use std::time::Duration;

use clap::Parser;
use copilot_harness::llm::{FakeUpstream, Record, Reply};

/// Answer every chat completion with a number of deltas.
#[derive(Parser)]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8999)]
    port: u16,
    /// Text deltas in each reply.
    #[arg(long, default_value_t = 200)]
    deltas: usize,
    /// Milliseconds before each delta.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Write a whole reply in one go.
    #[arg(long)]
    burst: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::parse();
    let upstream = FakeUpstream::start_on(arguments.port, Record::Nothing).await;
    let delay = Duration::from_millis(arguments.delay_ms);
    let reply = Reply::words(arguments.deltas).delay_between(delay);
    upstream.default_reply(if arguments.burst {
        reply.burst()
    } else {
        reply
    });
    println!(
        "export OPENAI_BASE_URL={} OPENAI_API_KEY=fake",
        upstream.base_url()
    );
    // Until it is killed.
    std::future::pending::<()>().await;
}

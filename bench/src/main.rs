//! Measures Copilot: a load generator for a server that runs, and `compare`, which starts all
//! that it measures and says how they relate.
//!
//! Times are a client's: from the request to the first text delta, and to the end of the stream.
//! Loops are closed, and every answer is compared with what the model said.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::similar_names,
    clippy::indexing_slicing,
    reason = "figures for people, from numbers far below 2^52; a load generator may stop at a surprise"
)]

mod compare;
mod connection;
mod figures;
mod scenario;
mod usage;

use clap::{Parser, Subcommand};
use copilot_harness::llm::text_of_words;
use std::{net::SocketAddr, time::Duration};

/// Measures Copilot.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Turns in a closed loop.
    Turns {
        #[command(flatten)]
        server: Server,
        /// Turns under way at a time, each in sessions of its own.
        #[arg(long, default_value_t = 8)]
        concurrency: usize,
        /// Turns in all.
        #[arg(long, default_value_t = 1000)]
        turns: usize,
        /// Deltas that `fake-upstream` answers with: each answer must be the same, byte for byte.
        #[arg(long)]
        deltas: Option<usize>,
    },
    /// Turns that are cancelled after their first delta.
    Cancel {
        #[command(flatten)]
        server: Server,
        /// Turns in all, one after another.
        #[arg(long, default_value_t = 100)]
        turns: usize,
    },
    /// Streams that are held open.
    Open {
        #[command(flatten)]
        server: Server,
        /// How many.
        #[arg(long, default_value_t = 1000)]
        streams: usize,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Starts Copilot in both modes and the floor, and measures them in turns. `./dev bench`.
    Compare(compare::Options),
}

/// A server that runs.
#[derive(Debug, clap::Args)]
struct Server {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8006")]
    address: SocketAddr,
    /// Its process, to read memory and CPU time of.
    #[arg(long)]
    pid: Option<u32>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Turns {
            server,
            concurrency,
            turns,
            deltas,
        } => {
            let before = server.usage();
            let expected = deltas.map(text_of_words);
            scenario::turns(server.address, concurrency, turns, expected.as_deref())
                .await?
                .print();
            server.print_since(before);
        }
        Command::Cancel { server, turns } => {
            let before = server.usage();
            let figures = scenario::cancel(&[server.address], turns).await?;
            println!("to its answer  {}", figures.answered);
            println!("to the end     {}", figures.ended);
            server.print_since(before);
        }
        Command::Open {
            server,
            streams,
            seconds,
        } => {
            let before = server.usage();
            let hold = Duration::from_secs(seconds);
            let held = scenario::open(server.address, streams, hold).await?;
            server.print_since(before);
            drop(held);
        }
        Command::Compare(options) => compare::run(&options).await?,
    }
    Ok(())
}

impl Server {
    fn usage(&self) -> Option<usage::Usage> {
        self.pid.map(usage::Usage::of)
    }

    fn print_since(&self, before: Option<usage::Usage>) {
        if let (Some(before), Some(now)) = (before, self.usage()) {
            println!(
                "process        {:.2} CPU s   {:.1} MB resident, {:.1} MB more",
                now.cpu_seconds - before.cpu_seconds,
                now.resident_mb,
                now.resident_mb - before.resident_mb
            );
        }
    }
}

//! A load generator for a running Copilot: closed loop, every stream checked for completeness.
//!
//! It measures from the client's side: from the request to the first text delta, and to the
//! end of the stream.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::similar_names,
    clippy::indexing_slicing,
    clippy::duration_suboptimal_units,
    reason = "figures for people, from numbers far below 2^52; a load generator may stop at a surprise"
)]

mod connection;
mod figures;
mod scenario;

use clap::{Parser, Subcommand};
use std::{net::SocketAddr, time::Duration};

/// Measures a running Copilot.
#[derive(Debug, Parser)]
struct Cli {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8006")]
    address: SocketAddr,
    /// Its process, to read memory and CPU time of.
    #[arg(long)]
    pid: Option<u32>,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Turns in a closed loop.
    Turns {
        /// Turns under way at a time, each in sessions of its own.
        #[arg(long, default_value_t = 8)]
        concurrency: usize,
        /// Turns in all.
        #[arg(long, default_value_t = 1000)]
        turns: usize,
        /// Characters of the whole answer; 0: not checked.
        #[arg(long, default_value_t = 0)]
        characters: usize,
    },
    /// Turns that are cancelled after their first delta.
    Cancel {
        /// Turns in all, one after another.
        #[arg(long, default_value_t = 100)]
        turns: usize,
    },
    /// Streams that are held open.
    Open {
        /// How many.
        #[arg(long, default_value_t = 1000)]
        streams: usize,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli {
        address,
        pid,
        command,
    } = Cli::parse();
    let before = figures::Process::of(pid);
    match command {
        Command::Turns {
            concurrency,
            turns,
            characters,
        } => {
            scenario::turns(address, concurrency, turns, characters)
                .await?
                .print(turns);
        }
        Command::Cancel { turns } => scenario::cancel(address, turns).await?.print(turns),
        Command::Open { streams, seconds } => {
            scenario::open(address, streams, Duration::from_secs(seconds), pid).await?;
        }
    }
    if let Some(before) = before {
        before.print_since(pid);
    }
    Ok(())
}

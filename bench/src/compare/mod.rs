//! Copilot in both modes and the floor, measured in turns in one run.
//!
//! On a machine whose speed changes from minute to minute only ratios within a run mean
//! something, so each round measures every contender, and what is shown is the median of the
//! rounds and the spread of the ratios.

mod cancels;
mod contender;
mod counts;
mod load;
mod program;
mod rounds;
mod servers;
mod takeover;
mod upstream;

use clap::ValueEnum;
use load::Load;
use servers::Servers;

/// How long and what to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds; each measures every contender once.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// What to measure; all if nothing is named.
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Show every SQL statement that a turn needs.
    #[arg(long)]
    statements: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// What the fake model can do.
    Upstream,
    /// 8 turns at a time, as fast as the model can.
    Fast,
    /// 64 turns at a time, of a model with 5 ms between deltas.
    Paced,
    /// One turn at a time: what lies between question and first delta.
    Single,
    /// Commands, statements and messages of a turn.
    Counts,
    /// Cancels, with 8 executors.
    Cancels,
    /// The gap that a client sees when an executor is killed.
    Takeover,
}

/// Measures what is asked for, and prints it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let all = Section::value_variants();
    let sections = match options.sections.as_slice() {
        [] => all,
        named => named,
    };
    let servers = Servers::start().await;
    for section in sections {
        match section {
            Section::Upstream => upstream::measure().await?,
            Section::Fast => rounds::measure(&servers, &Load::fast(), options.rounds).await?,
            Section::Paced => rounds::measure(&servers, &Load::paced(), options.rounds).await?,
            Section::Single => rounds::measure(&servers, &Load::single(), options.rounds).await?,
            Section::Counts => counts::measure(&servers, options.statements).await?,
            Section::Cancels => cancels::measure(&servers).await?,
            Section::Takeover => takeover::measure(&servers).await?,
        }
    }
    Ok(())
}

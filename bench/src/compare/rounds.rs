//! Rounds in which every contender carries the same load.

use super::{contender::Contender, load::Load, servers::Servers, upstream::Upstream};
use crate::{figures::Figures, scenario, usage::Usage};
use anyhow::Context as _;
use copilot_harness::llm::text_of_words;

/// Turns before the first round: connections, caches and prepared statements are there then.
const WARM_UP: usize = 64;

/// A contender's figures of one round.
struct Round {
    figures: Figures,
    /// Of each part.
    usage: Vec<Usage>,
}

/// Runs the rounds, and prints what came out.
pub(super) async fn measure(servers: &Servers, load: &Load, rounds: usize) -> anyhow::Result<()> {
    let upstream = Upstream::start(load.deltas, load.delay_millis).await?;
    let contenders = Contender::all(servers, upstream.url()).await?;
    let expected = text_of_words(load.deltas);
    for contender in &contenders {
        turns(contender, load, WARM_UP, &expected).await?;
    }
    let mut measured: [Vec<Round>; 3] = Default::default();
    for _ in 0..rounds {
        for (contender, rounds) in contenders.iter().zip(&mut measured) {
            rounds.push(round(contender, load, &expected).await?);
        }
    }
    print(load, &contenders, &measured);
    Ok(())
}

async fn round(contender: &Contender, load: &Load, expected: &str) -> anyhow::Result<Round> {
    let before = contender.usage();
    let figures = turns(contender, load, load.turns, expected).await?;
    let after = contender.usage();
    let usage = before.iter().zip(after).map(|(before, after)| Usage {
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        ..after
    });
    Ok(Round {
        figures,
        usage: usage.collect(),
    })
}

async fn turns(
    contender: &Contender,
    load: &Load,
    turns: usize,
    expected: &str,
) -> anyhow::Result<Figures> {
    scenario::turns(contender.address, load.concurrency, turns, Some(expected))
        .await
        .context(contender.name)
}

fn print(load: &Load, contenders: &[Contender; 3], measured: &[Vec<Round>; 3]) {
    let rounds = measured[0].len();
    println!("## {}\n", load.title);
    println!(
        "{rounds} rounds of {} turns; medians of the rounds, times in ms.\n",
        load.turns
    );
    println!(
        "| | turns/s | first delta p50 / p99 | whole turn p50 / p99 | CPU of a turn | CPU ÷ floor |"
    );
    println!("|---|---|---|---|---|---|");
    for (contender, rounds) in contenders.iter().zip(measured) {
        let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let compared = |round: &Round| compared_cpu(contender, round);
        let floor = measured[0]
            .iter()
            .map(|round| compared_cpu(&contenders[0], round));
        let ratios: Vec<f64> = rounds
            .iter()
            .map(compared)
            .zip(floor)
            .map(|(ours, floor)| ours / floor)
            .collect();
        println!(
            "| {} | {:.0} | {:.1} / {:.1} | {:.1} / {:.1} | {:.2} | {} |",
            contender.name,
            of(&|round| round.figures.rate()),
            of(&|round| round.figures.first.millis_at(0.5)),
            of(&|round| round.figures.first.millis_at(0.99)),
            of(&|round| round.figures.total.millis_at(0.5)),
            of(&|round| round.figures.total.millis_at(0.99)),
            of(&compared) * 1e3 / load.turns as f64,
            with_spread(ratios),
        );
    }
    println!("\n| part | CPU s of 1,000 turns | resident MB |\n|---|---|---|");
    for (contender, rounds) in contenders.iter().zip(measured) {
        for (number, part) in contender.parts.iter().enumerate() {
            let of = |figure: &dyn Fn(&Usage) -> f64| {
                median(
                    rounds
                        .iter()
                        .map(|round| figure(&round.usage[number]))
                        .collect(),
                )
            };
            let cpu = of(&|usage| usage.cpu_seconds) * 1e3 / load.turns as f64;
            let resident = of(&|usage| usage.resident_mb);
            println!(
                "| {}: {} | {cpu:.2} | {resident:.0} |",
                contender.name, part.name
            );
        }
    }
    println!();
}

/// CPU seconds of the parts that are compared.
fn compared_cpu(contender: &Contender, round: &Round) -> f64 {
    let parts = contender.parts.iter().zip(&round.usage);
    let compared = parts.filter(|(part, _)| part.is_compared);
    compared.map(|(_, usage)| usage.cpu_seconds).sum()
}

fn with_spread(mut figures: Vec<f64>) -> String {
    figures.sort_unstable_by(f64::total_cmp);
    match figures.as_slice() {
        [] => "–".to_owned(),
        [least, .., most] => {
            let (least, most) = (*least, *most);
            format!("{:.2} ({least:.2}–{most:.2})", median(figures))
        }
        [one] => format!("{one:.2}"),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

//! What a turn of the distributed mode asks of each server.

use super::{contender::address_of, load::Load, servers::Servers, upstream::Upstream};
use crate::scenario;
use copilot_harness::llm::text_of_words;
use std::collections::BTreeMap;

/// Runs the load once, and prints what each server was asked for a turn. What runs beside the
/// turns (heartbeats, looks) is in it.
pub(super) async fn measure(servers: &Servers, all_statements: bool) -> anyhow::Result<()> {
    let load = Load::fast();
    let upstream = Upstream::start(load.deltas, load.delay_millis).await?;
    let mut copilot = servers.copilot(upstream.url());
    let database = copilot.tenancy().database_name();
    let logged = format!("ALTER DATABASE {database} SET log_statement = 'all'");
    servers.postgres.run(&logged);
    copilot.start().await;
    let (address, expected) = (address_of(&copilot, 0)?, text_of_words(load.deltas));
    let run = |turns| scenario::turns(address, load.concurrency, turns, Some(&expected));
    run(load.concurrency).await?;
    servers.redis.run(&["CONFIG", "RESETSTAT"]);
    let broker_before = broker_counters(servers);
    let statements_before = statements(&servers.postgres.log());
    run(load.turns).await?;

    let turns = load.turns as f64;
    let statements = statements(&servers.postgres.log());
    let statements = difference(&statements_before, statements);
    let is_bracket = |statement: &str| ["BEGIN", "COMMIT", "ROLLBACK"].contains(&statement);
    let (brackets, work): (BTreeMap<_, _>, BTreeMap<_, _>) = statements
        .iter()
        .partition(|(statement, _)| is_bracket(statement));
    println!("## What a turn of 200 deltas asks of the servers\n");
    let each =
        |counts: &BTreeMap<&String, &u64>| counts.values().copied().sum::<u64>() as f64 / turns;
    println!(
        "- Postgres: {:.1} statements, and {:.1} that begin or end transactions",
        each(&work),
        each(&brackets)
    );
    let redis = redis_counters(&servers.redis.run(&["INFO", "commandstats"]));
    println!("- Redis: {}", per_turn(&redis, turns));
    let broker = difference(&broker_before, broker_counters(servers));
    println!("- RabbitMQ: {}\n", per_turn(&broker, turns));
    if all_statements {
        for (statement, count) in statements {
            println!("{:6.2}  {statement}", count as f64 / turns);
        }
    }
    Ok(())
}

/// How often each statement stands in the server's log.
fn statements(log: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let Some((_, said)) = line.split_once("LOG:  ") else {
            continue;
        };
        let statement = said.strip_prefix("statement: ").or_else(|| {
            let (name, statement) = said.split_once(": ")?;
            name.starts_with("execute ").then_some(statement)
        });
        if let Some(statement) = statement {
            *counts.entry(statement.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// How often each command was run since the statistics were reset; those inside scripts too.
fn redis_counters(info: &str) -> BTreeMap<String, u64> {
    let lines = info.lines().filter_map(|line| {
        let (command, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = figures.strip_prefix("calls=")?.split(',').next()?;
        Some((command.to_owned(), calls.parse().ok()?))
    });
    lines.collect()
}

/// Messages that the broker has counted since its start.
fn broker_counters(servers: &Servers) -> BTreeMap<String, u64> {
    const COUNTED: [&str; 4] = [
        "messages_received_total",
        "messages_confirmed_total",
        "messages_delivered_total",
        "messages_acknowledged_total",
    ];
    let said = servers
        .rabbit
        .control(&["eval", "rabbit_global_counters:overview()."]);
    let mut counts = BTreeMap::new();
    // `{messages_received_total => 12, …}` for each protocol and kind of queue.
    for pair in said.split([',', '{', '}']) {
        let Some((name, count)) = pair.split_once("=>") else {
            continue;
        };
        let name = name.trim().trim_start_matches('#');
        if let (true, Ok(count)) = (COUNTED.contains(&name), count.trim().parse::<u64>()) {
            *counts.entry(name.to_owned()).or_insert(0) += count;
        }
    }
    counts
}

fn difference(
    before: &BTreeMap<String, u64>,
    after: BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let since = |(name, count): (String, u64)| {
        let earlier = before.get(&name).copied().unwrap_or_default();
        let count = count.saturating_sub(earlier);
        (count > 0).then_some((name, count))
    };
    after.into_iter().filter_map(since).collect()
}

fn per_turn(counts: &BTreeMap<String, u64>, turns: f64) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown = counts.into_iter().filter_map(|(name, count)| {
        let each = *count as f64 / turns;
        (each >= 0.05).then(|| format!("{name} {each:.1}"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

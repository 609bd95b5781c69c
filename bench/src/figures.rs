//! What was measured, and how it is shown.

use std::{fs, time::Duration};

/// Times of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) first: Vec<Duration>,
    pub(crate) total: Vec<Duration>,
    pub(crate) wall: Duration,
}

impl Figures {
    pub(crate) fn print(mut self, turns: usize) {
        println!(
            "turns/s        {:.1}",
            turns as f64 / self.wall.as_secs_f64()
        );
        row("first delta", &mut self.first);
        row("to the end", &mut self.total);
    }
}

fn row(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len().saturating_sub(1)) as f64 * share).round() as usize;
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{name:<14} p50 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Memory and CPU time of a process, from `/proc`.
pub(crate) struct Process {
    cpu_ticks: u64,
}

impl Process {
    pub(crate) fn of(pid: Option<u32>) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid?)).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // utime and stime, 14 and 15 in proc(5), counted after the name.
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<u64>().ok())
        };
        Some(Self {
            cpu_ticks: ticks(11)? + ticks(12)?,
        })
    }

    pub(crate) fn print_since(&self, pid: Option<u32>) {
        if let (Some(now), Some(rss)) = (Self::of(pid), rss_kib(pid)) {
            let seconds = (now.cpu_ticks - self.cpu_ticks) as f64 / 100.0;
            println!(
                "process        {seconds:.2} CPU s   {:.1} MB resident",
                rss as f64 / 1024.0
            );
        }
    }
}

pub(crate) fn rss_kib(pid: Option<u32>) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid?)).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

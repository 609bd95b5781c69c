//! CPU time and memory of a program and all that it started, from `/proc`.

use std::{collections::HashMap, fs};

/// Clock ticks in a second, of every Linux that Rust runs on (`sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

/// What a program has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Of it, of what it started, and of those among them that have ended.
    pub(crate) cpu_seconds: f64,
    /// What lies in memory now; pages that several of its processes share count in each.
    pub(crate) resident_mb: f64,
}

impl Usage {
    /// Of the process with this id and its descendants; of what is gone, nothing.
    pub(crate) fn of(root: u32) -> Self {
        let processes = processes();
        let mut usage = Self::default();
        let mut left = vec![root];
        while let Some(id) = left.pop() {
            if let Some(process) = processes.get(&id) {
                usage.cpu_seconds += process.ticks as f64 / TICKS;
                usage.resident_mb += resident_kib(id) as f64 / 1024.0;
            }
            let children = processes.iter().filter(|(_, one)| one.parent == id);
            left.extend(children.map(|(id, _)| *id));
        }
        usage
    }
}

struct Process {
    parent: u32,
    ticks: u64,
}

fn processes() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id| Some((id, process(id)?))).collect()
}

fn process(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before may hold anything, so fields are counted behind its last bracket.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    // ppid, then utime, stime, cutime and cstime: fields 4 and 14 to 17 of proc(5).
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

fn resident_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_have_used_memory_and_time() {
        let mut sum = 0_u64;
        while Usage::of(std::process::id()).cpu_seconds == 0.0 {
            sum = (0..1_000_000).fold(sum, |sum, one| std::hint::black_box(sum ^ one));
        }
        assert!(Usage::of(std::process::id()).resident_mb > 0.1);
        assert!(Usage::of(u32::MAX).resident_mb == 0.0);
    }
}

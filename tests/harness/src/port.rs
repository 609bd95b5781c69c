//! Free ports that stay free.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};

/// A port that no other test takes while this is held, also not between two runs of a server.
///
/// It lies below the range from which the kernel gives ports to outgoing connections, and a lock
/// file keeps test processes apart; the lock goes with the process.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

const RANGE: std::ops::Range<u16> = 10_000..32_000;

impl Port {
    /// Take a free port.
    pub fn free() -> Self {
        let mut tries = (0..1_000).map(|_| rand::random_range(RANGE));
        let free = tries.find_map(Self::take);
        free.unwrap_or_else(|| panic!("no free port in {RANGE:?}"))
    }

    /// This port if it is free, else any.
    pub fn preferably(number: u16) -> Self {
        Self::take(number).unwrap_or_else(Self::free)
    }

    fn take(number: u16) -> Option<Self> {
        let locks = std::env::temp_dir().join("copilot-test-ports");
        fs::create_dir_all(&locks).expect("a directory for the locks of ports");
        let lock = File::create(locks.join(number.to_string())).ok()?;
        let is_free =
            lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
        is_free.then_some(Self {
            number,
            _lock: lock,
        })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ports_held_at_once_differ() {
        let ports: Vec<Port> = (0..50).map(|_| Port::free()).collect();
        let numbers: std::collections::HashSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
    }
}

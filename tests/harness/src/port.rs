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
        let locks = std::env::temp_dir().join("copilot-test-ports");
        fs::create_dir_all(&locks).expect("a directory for the locks of ports");
        for _ in 0..1_000 {
            let number = rand::random_range(RANGE);
            let Ok(lock) = File::create(locks.join(number.to_string())) else {
                continue;
            };
            let is_ours = lock.try_lock().is_ok();
            if is_ours && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self {
                    number,
                    _lock: lock,
                };
            }
        }
        panic!("no free port in {RANGE:?}");
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

//! Names of keys and channels.

use super::endpoints::Topology;
use copilot_core::turn::TurnKey;
use crc16::{State, XMODEM};

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// The keys of one turn, all in one slot.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The hash.
    pub(super) task: String,
    /// The stream; also the channel.
    pub(super) stream: String,
    /// Where a compacted stream is put together.
    pub(super) draft: String,
    pub(super) slot: Slot,
}

/// The slot of a cluster; 0 where there is one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u16);

impl Slot {
    pub(super) const FIRST: Self = Self(0);

    /// Which of so many equal ranges it lies in.
    pub(super) fn range(self, ranges: usize) -> usize {
        usize::from(self.0) * ranges / usize::from(SLOTS)
    }
}

impl Keys {
    pub(super) fn new(prefix: &str, turn: TurnKey, topology: Topology) -> Self {
        let session = turn.session_id.to_string();
        let stream = format!("{prefix}:{{{session}}}:turn:{}", turn.turn_id);
        Self {
            task: format!("{stream}:task"),
            draft: format!("{stream}:draft"),
            stream,
            slot: match topology {
                Topology::Single => Slot::FIRST,
                Topology::Cluster => Slot(State::<XMODEM>::calculate(session.as_bytes()) % SLOTS),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilot_core::id::{IdSource, SystemIds};

    #[test]
    fn keys_are_the_ones_of_the_contract() {
        let turn = TurnKey {
            session_id: SystemIds.next().into(),
            turn_id: SystemIds.next().into(),
        };
        let keys = Keys::new("p", turn, Topology::Single);
        let stream = format!("p:{{{}}}:turn:{}", turn.session_id, turn.turn_id);
        assert_eq!(keys.task, format!("{stream}:task"));
        assert_eq!(keys.stream, stream);
    }

    #[test]
    fn slots_fall_into_ranges() {
        assert_eq!(Slot(0).range(64), 0);
        assert_eq!(Slot(SLOTS - 1).range(64), 63);
        // The example of the Redis Cluster specification.
        assert_eq!(State::<XMODEM>::calculate(b"123456789"), 0x31C3);
    }
}

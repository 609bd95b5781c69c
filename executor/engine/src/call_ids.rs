//! Ids of tool calls: the model's own where they are good, ours where not.

use copilot_core::id::IdSource;
use std::collections::HashSet;

/// The longest id that is taken from a model.
const LONGEST: usize = 64;

/// The ids in use in a session.
#[derive(Debug, Default)]
pub struct CallIds {
    used: HashSet<String>,
    own: OwnIds,
}

/// When ids are ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnIds {
    /// Where the model's cannot be used.
    #[default]
    WhereNeeded,
    /// Always: a former attempt may have shown the same ids in a step that is void now.
    Always,
}

impl CallIds {
    /// Starts from the ids that the session has used.
    #[must_use]
    pub fn new(used: impl IntoIterator<Item = String>, own: OwnIds) -> Self {
        Self {
            used: used.into_iter().collect(),
            own,
        }
    }

    /// `wanted` if it is usable and new in the session, else a fresh one.
    pub fn take(&mut self, wanted: &str, ids: &dyn IdSource) -> String {
        let is_usable = self.own == OwnIds::WhereNeeded
            && !wanted.is_empty()
            && wanted.len() <= LONGEST
            && wanted.bytes().all(|byte| byte.is_ascii_graphic());
        if is_usable && self.used.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        loop {
            let fresh = format!("call_{}", ids.next().simple());
            if self.used.insert(fresh.clone()) {
                return fresh;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copilot_core::id::SystemIds;

    #[test]
    fn an_id_is_kept_once_and_replaced_when_it_cannot_be_used() {
        let mut taken = CallIds::new(["old".to_owned()], OwnIds::WhereNeeded);
        assert_eq!(taken.take("new", &SystemIds), "new");
        for bad in ["new", "old", "", "a b", &"x".repeat(65)] {
            assert!(taken.take(bad, &SystemIds).starts_with("call_"));
        }
    }
}

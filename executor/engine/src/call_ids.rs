//! Ids of tool calls: the model's own where they are good, ours where not.

use copilot_core::id::IdSource;
use std::collections::HashSet;

/// The longest id that is taken from a model.
const LONGEST: usize = 64;

/// The ids in use in a session.
#[derive(Debug, Default)]
pub struct CallIds(HashSet<String>);

impl CallIds {
    /// Starts from the ids that the session has used.
    #[must_use]
    pub fn new(used: impl IntoIterator<Item = String>) -> Self {
        Self(used.into_iter().collect())
    }

    /// `wanted` if it is usable and new in the session, else a fresh one.
    pub fn take(&mut self, wanted: &str, ids: &dyn IdSource) -> String {
        let is_usable = !wanted.is_empty()
            && wanted.len() <= LONGEST
            && wanted.bytes().all(|byte| byte.is_ascii_graphic());
        if is_usable && self.0.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        loop {
            let fresh = format!("call_{}", ids.next().simple());
            if self.0.insert(fresh.clone()) {
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
        let mut taken = CallIds::new(["old".to_owned()]);
        assert_eq!(taken.take("new", &SystemIds), "new");
        for bad in ["new", "old", "", "a b", &"x".repeat(65)] {
            assert!(taken.take(bad, &SystemIds).starts_with("call_"));
        }
    }
}

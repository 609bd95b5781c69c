//! The keys of `config/default.toml`.

const DEFAULTS: &str = include_str!("../../../../../config/default.toml");

/// A key, and what its comments say, the section's among them.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) comment: String,
}

impl Key {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        variable(&self.name)
    }
}

pub(super) fn variable(key: &str) -> String {
    format!("COPILOT__{}", key.replace('.', "__").to_uppercase())
}

/// All of them, also those behind a bare `#`.
pub(super) fn keys() -> Vec<Key> {
    let (mut section, mut lead, mut comment) = (String::new(), String::new(), String::new());
    let mut keys = Vec::new();
    let mut goes_on = false;
    for line in DEFAULTS.lines() {
        let is_comment = line == "#" || line.starts_with("# ");
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
            lead.clone_from(&comment);
        } else if is_comment {
            if !goes_on {
                comment.clear();
            }
            comment.push_str(line.trim_start_matches('#'));
        } else if let Some((name, _)) = line.trim_start_matches('#').split_once(" = ") {
            keys.push(Key {
                name: format!("{section}.{name}"),
                comment: format!("{lead}{comment}"),
            });
        }
        goes_on = is_comment;
    }
    assert!(keys.len() > 70, "the file is read wrongly: {}", keys.len());
    keys
}

//! Anthropic's messages: the same scripts in another form.

pub(super) mod invariants;
pub(super) mod view;
pub(super) mod wire;

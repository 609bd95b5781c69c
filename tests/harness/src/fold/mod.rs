//! What `useChat` of AI SDK 5 makes of a stream: the `UIMessage`.
//!
//! Schema and behaviour are those of the npm package `ai@5.0.0`, read in its `dist/index.mjs`:
//! `uiMessageChunkSchema` (every variant a `z.strictObject`, so one unknown field ends the stream
//! in a browser) and `processUIMessageStream`. Beyond the client, the fold refuses what
//! CONTRACT §4 forbids and the client would swallow: a second `start`, blocks that stay open,
//! calls without a result, anything behind `finish`, a block id used twice in a turn.
//!
//! Checked against the package itself: 240 generated turns through `readUIMessageStream`, and
//! 4,000 pieces of JSON through `parsePartialJson`, gave the same messages and values as here.

mod fold_error;
mod folder;
mod merge;
mod schema;
#[cfg(test)]
mod tests;
mod ui_message;

pub use fold_error::FoldError;
pub use folder::Fold;
pub use ui_message::UiMessage;

//! What an ended turn keeps is made small: neighbouring deltas merged, at their positions.
//!
//! A stream cannot be changed in its middle, so a draft is written beside it, one batch a
//! script, and takes its place in one step if the stream is still what it was made from.

use super::{
    encoding,
    keys::Keys,
    script::Scripts,
    server::{Again, Request, Server},
};
use copilot_core::{
    event::{Entry, merged},
    port::PortError,
    position::Position,
};
use std::sync::Arc;

/// A stream of fewer batches is left as it is.
pub(super) const WORTH_IT: u64 = 8;
/// A draft that nobody finishes goes away after so many ms.
const DRAFT_TTL_MS: u32 = 60_000;
const DOING: &str = "compacting a stream";

/// Puts the merged `entries` in the place of the ended stream that stands at `position`.
pub(super) async fn compact(
    server: &Server,
    scripts: &Scripts,
    keys: &Keys,
    position: Position,
    entries: Vec<Arc<Entry>>,
) -> Result<(), PortError> {
    let small = merged(entries.into_iter().map(Arc::unwrap_or_clone));
    let batches = encoding::batches(&small).map_err(|error| PortError::broken(DOING, error))?;
    for (place, batch) in batches.iter().enumerate() {
        let run = scripts
            .draft
            .on_draft(keys)
            .number(&u8::from(place == 0))
            .number(&DRAFT_TTL_MS)
            .number(&batch.position)
            .arg(batch.bytes.as_slice());
        // Not again: a batch that is there already would be refused.
        let drafted = server.call::<i64>(keys.slot, DOING, Request::Script(run), Again::Never);
        drafted.await?;
    }
    let run = scripts
        .swap
        .on_draft(keys)
        .number(&position)
        .number(&batches.len());
    server
        .call::<i64>(keys.slot, DOING, Request::Script(run), Again::Never)
        .await?;
    Ok(())
}

use super::{Check, Finding, folder};
use async_trait::async_trait;
use std::path::PathBuf;

const MEBIBYTE: u64 = 1 << 20;
/// Below this a checkpoint of the journal may already fail.
const FAILED_BELOW: u64 = 64 * MEBIBYTE;
const WARNING_BELOW: u64 = 1024 * MEBIBYTE;

/// Room where the SQLite file grows.
pub(super) struct Disk(pub(super) PathBuf);

#[async_trait]
impl Check for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    async fn run(&self) -> Finding {
        let folder = folder::of(&self.0);
        match rustix::fs::statvfs(folder) {
            Ok(room) => judged(room.f_bavail.saturating_mul(room.f_frsize)),
            Err(error) => Finding::failed(
                format!("{}: {error}", folder.display()),
                "make that folder, or change database.url",
            ),
        }
    }
}

fn judged(free_bytes: u64) -> Finding {
    let note = format!("{} MiB free for the database", free_bytes / MEBIBYTE);
    let remedy = "make room, or move the database to a larger disk";
    match free_bytes {
        0..FAILED_BELOW => Finding::failed(note, remedy),
        FAILED_BELOW..WARNING_BELOW => Finding::warning(note, remedy),
        _ => Finding::ok(note),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn little_room_is_told_before_there_is_none() {
        for (mebibytes, verdict) in [
            (10, Verdict::Failed),
            (500, Verdict::Warning),
            (5_000, Verdict::Ok),
        ] {
            assert_eq!(judged(mebibytes * MEBIBYTE).verdict, verdict, "{mebibytes}");
        }
    }
}

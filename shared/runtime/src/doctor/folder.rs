use std::path::Path;

/// The folder that `file` lies in.
pub(super) fn of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether files can be made in `folder`. The one that is tried has no name, so nothing stays
/// behind.
pub(super) fn takes_files(folder: &Path) -> Result<(), String> {
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(|error| format!("{}: {error}", folder.display()))
}

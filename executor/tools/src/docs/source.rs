//! Where pages come from: compiled in, and folders on disk.

use super::page::Page;
use include_dir::{Dir, include_dir};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs");

/// What is read of a folder at most; the rest is left out, with a line in the log.
const MOST_PAGES: usize = 2_000;
const LONGEST_PAGE: u64 = 1 << 20;
const MOST_BYTES: u64 = 32 << 20;
const DEEPEST: usize = 8;

/// A folder of `docs.paths` that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("docs.paths: cannot read {}", path.display())]
pub struct LoadDocsError {
    /// The folder or the file in it.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// The project's own pages.
pub(super) fn built_in() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(&BUILT_IN, &mut pages);
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

fn collect(folder: &Dir<'_>, pages: &mut Vec<Page>) {
    for file in folder.files().filter(|file| is_page(file.path())) {
        pages.extend(
            file.contents_utf8()
                .map(|content| Page::new(slashed(file.path()), content)),
        );
    }
    for folder in folder.dirs() {
        collect(folder, pages);
    }
}

/// All pages below `folder`, named after it.
pub(super) fn folder(folder: &Path) -> Result<Vec<Page>, LoadDocsError> {
    let name = folder.file_name().map_or_else(
        || "docs".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let mut reading = Reading {
        root: folder,
        name,
        pages: Vec::new(),
        bytes: 0,
        left_out: 0,
    };
    reading.read(folder, 0)?;
    if reading.left_out > 0 {
        tracing::warn!(folder = %folder.display(), left_out = reading.left_out, "docs.paths: some files were left out");
    }
    Ok(reading.pages)
}

struct Reading<'a> {
    root: &'a Path,
    name: String,
    pages: Vec<Page>,
    bytes: u64,
    left_out: usize,
}

impl Reading<'_> {
    fn read(&mut self, folder: &Path, depth: usize) -> Result<(), LoadDocsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LoadDocsError { path, source }
        };
        let entries: io::Result<Vec<fs::DirEntry>> =
            fs::read_dir(folder).map_err(failed(folder))?.collect();
        let mut entries = entries.map_err(failed(folder))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            // Symbolic links are not followed: a folder of pages shows nothing from outside.
            let kind = entry.file_type().map_err(failed(&path))?;
            if kind.is_dir() && !is_hidden(&path) {
                if depth < DEEPEST {
                    self.read(&path, depth + 1)?;
                } else {
                    self.left_out += 1;
                }
            } else if kind.is_file() && is_page(&path) {
                let size = entry.metadata().map_err(failed(&path))?.len();
                if size > LONGEST_PAGE
                    || self.bytes + size > MOST_BYTES
                    || self.pages.len() >= MOST_PAGES
                {
                    self.left_out += 1;
                } else {
                    let content = fs::read(&path).map_err(failed(&path))?;
                    self.bytes += size;
                    self.add(&path, &content);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, content: &[u8]) {
        let within = path.strip_prefix(self.root).unwrap_or(path);
        let content = String::from_utf8_lossy(content).replace('\0', "\u{FFFD}");
        self.pages.push(Page::new(
            format!("{}/{}", self.name, slashed(within)),
            content,
        ));
    }
}

fn is_page(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .map(str::to_ascii_lowercase);
    matches!(ending.as_deref(), Some("md" | "markdown" | "mdx")) && !is_hidden(path)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// With `/` on every system.
fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

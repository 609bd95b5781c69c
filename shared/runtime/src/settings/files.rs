use super::fault::{Fault, within};
use super::program::Program;
use super::raw::RawFiles;
use super::secret_url::SecretUrl;
use super::value::FromText;

const SCHEMES: &[&str] = &[
    "file", "memory", "s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "http", "https",
];

/// Workspace files.
#[derive(Debug, Clone)]
pub struct FilesSettings {
    /// An `object_store` URL; none: there is no workspace.
    pub url: Option<SecretUrl>,
    /// Largest single file.
    pub max_file_bytes: u64,
    /// All files of one user; not below `max_file_bytes`.
    pub max_workspace_bytes: u64,
    /// Asked before a file is kept.
    pub scan_url: Option<SecretUrl>,
}

#[derive(Clone)]
pub(super) struct FilesUrl(SecretUrl);

impl FromText for FilesUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        SecretUrl::of_schemes(text, SCHEMES).map(Self)
    }
}

impl FilesSettings {
    pub(super) fn checked(program: Program, raw: RawFiles) -> Result<Self, Fault> {
        let max_file_bytes = within("files.max_file_bytes", raw.max_file_bytes, 1..=u64::MAX)?;
        if raw.max_workspace_bytes < max_file_bytes {
            return Err(Fault::new(
                "files.max_workspace_bytes",
                format!(
                    "expected at least files.max_file_bytes ({max_file_bytes}), got {}",
                    raw.max_workspace_bytes
                ),
            ));
        }
        let url = raw.url.map(|url| url.0);
        if let Some(url) = &url
            && program != Program::Copilot
        {
            not_private(program, url, raw.shared)?;
        }
        Ok(Self {
            url,
            max_file_bytes,
            max_workspace_bytes: raw.max_workspace_bytes,
            scan_url: raw.scan_url,
        })
    }
}

/// What one process keeps to itself would be missing in the next one.
fn not_private(program: Program, url: &SecretUrl, shared: bool) -> Result<(), Fault> {
    let scheme = url.expose().split(':').next().unwrap_or_default();
    let problem = match scheme.to_ascii_lowercase().as_str() {
        "memory" => format!("{program} shares files with other processes; memory:// cannot"),
        "file" if !shared => format!(
            "{program} shares files with other processes: if {url} is one folder for all, \
             set files.shared=true, else use an object store"
        ),
        _ => return Ok(()),
    };
    Err(Fault::new("files.url", problem))
}

use super::{Check, Finding, folder};
use crate::settings::SecretUrl;
use async_trait::async_trait;
use std::path::Path;
use url::Url;

/// Where workspace files are to be. Nothing uses it yet, so nothing is worse than a warning.
pub(super) struct Files(pub(super) Option<SecretUrl>);

#[async_trait]
impl Check for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    async fn run(&self) -> Finding {
        let Some(url) = &self.0 else {
            return Finding::ok("not set: there is no workspace");
        };
        let folder = Url::parse(url.expose())
            .ok()
            .filter(|url| url.scheme() == "file")
            .and_then(|url| url.to_file_path().ok());
        match folder {
            Some(folder) => of_folder(&folder),
            None => Finding::ok(format!("{url}, not used by this version yet")),
        }
    }
}

/// The folder is made when it is first needed, so the nearest one above has to take it.
fn of_folder(wanted: &Path) -> Finding {
    let there = wanted.ancestors().find(|folder| folder.exists());
    let taken = folder::takes_files(there.unwrap_or(wanted));
    match taken {
        Ok(()) => Finding::ok(format!(
            "{}, not used by this version yet",
            wanted.display()
        )),
        Err(problem) => Finding::warning(
            format!("{} takes no files: {problem}", wanted.display()),
            "let the program's user write there, or change files.url; not used by this version yet",
        ),
    }
}

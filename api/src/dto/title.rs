//! A title.

use crate::{
    fields::{Fields, ReadFields},
    limits::TITLE_CHARS,
};
use copilot_core::message::without_nul;
use poem_openapi::Object;

/// A new title
#[derive(Object)]
#[oai(rename = "Title")]
pub(crate) struct TitleBody {
    /// Shown in lists; trimmed
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) title: String,
}

impl ReadFields for TitleBody {
    fn read(fields: &mut Fields) -> Self {
        let title = without_nul(fields.text("title").unwrap_or_default())
            .trim()
            .to_owned();
        if !(1..=TITLE_CHARS).contains(&title.chars().count()) {
            let _: Option<()> =
                fields.refuse("title", format!("must have 1 to {TITLE_CHARS} characters"));
        }
        Self { title }
    }
}

use super::{format::Format, print};
use crate::settings::SettingsDraft;
use serde_json::json;
use std::process::ExitCode;

/// Prints each setting, its value and its origin; only if all of them are right.
pub(super) fn show(draft: &SettingsDraft, format: Format) -> anyhow::Result<ExitCode> {
    draft.settings()?;
    match format {
        Format::Text => {
            for setting in draft.effective() {
                let value = setting.value.as_deref().unwrap_or("-");
                print(&format!("{} = {value}  ({})", setting.key, setting.origin))?;
            }
        }
        Format::Json => {
            let settings = draft.effective().into_iter().map(|setting| {
                let origin = setting.origin.to_string();
                let shown = json!({"value": setting.value, "origin": origin});
                (setting.key.to_owned(), shown)
            });
            let settings: serde_json::Map<_, _> = settings.collect();
            print(&format!("{:#}", serde_json::Value::Object(settings)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

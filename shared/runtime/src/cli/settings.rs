use super::print;
use crate::settings::SettingsDraft;
use std::process::ExitCode;

/// Prints each setting, its value and its origin; only if all of them are right.
pub(super) fn show(draft: &SettingsDraft) -> anyhow::Result<ExitCode> {
    draft.settings()?;
    for setting in draft.effective() {
        let value = setting.value.as_deref().unwrap_or("-");
        print(&format!("{} = {value}  ({})", setting.key, setting.origin))?;
    }
    Ok(ExitCode::SUCCESS)
}

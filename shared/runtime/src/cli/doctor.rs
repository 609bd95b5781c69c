use super::{format::Format, print};
use crate::{
    doctor::{Check, examine},
    settings::{Settings, SettingsDraft},
};
use std::process::ExitCode;

/// Prints what each part is like. It fails if one of them does.
pub(super) async fn run(
    draft: anyhow::Result<SettingsDraft>,
    of_role: impl FnOnce(&Settings) -> Vec<Box<dyn Check>>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let report = examine(draft, of_role).await;
    match format {
        Format::Text => print(&report.to_string())?,
        Format::Json => print(&format!("{:#}", report.to_json()))?,
    }
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

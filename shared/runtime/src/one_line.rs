use std::error::Error;

/// What went wrong and what lies behind it, in one line. Many errors show their cause already;
/// it is not said twice.
#[must_use]
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn each_cause_is_told_once() {
        let error = anyhow!("connection refused\n(os error 111)")
            .context("cannot reach it: connection refused\n(os error 111)");
        let error: anyhow::Result<()> = Err(error);
        let error = error.context("database.url").unwrap_err();
        assert_eq!(
            one_line(error.as_ref()),
            "database.url: cannot reach it: connection refused (os error 111)"
        );
    }
}

use super::finding::{Finding, Verdict};
use serde::Serialize;
use std::fmt;

/// What all checks found, in the order in which they were asked.
#[derive(Clone, Debug, Serialize)]
pub struct Report(pub Vec<Entry>);

/// One part.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The part.
    pub name: &'static str,
    /// How it is.
    #[serde(flatten)]
    pub finding: Finding,
}

impl Report {
    /// Whether nothing failed; warnings are no failure.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let failed = |entry: &Entry| entry.finding.verdict == Verdict::Failed;
        !self.0.iter().any(failed)
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"ok": self.is_good(), "checks": self.0})
    }
}

/// For people: a line for each part. Line ends inside a note would look like another part.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Entry { name, finding }) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            let note = finding.note.replace(['\n', '\r'], " ");
            write!(f, "{end}{:<8} {name:<9} {note}", finding.verdict)?;
            if let Some(remedy) = &finding.remedy {
                write!(f, "; {remedy}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: [Finding; 2]) -> Report {
        let entry = |finding| Entry {
            name: "part",
            finding,
        };
        Report(findings.into_iter().map(entry).collect())
    }

    #[test]
    fn a_warning_is_no_failure() {
        let fine = Finding::ok("fine");
        assert!(report([fine.clone(), Finding::warning("a", "b")]).is_good());
        assert!(!report([fine, Finding::failed("a", "b")]).is_good());
    }

    #[test]
    fn each_part_is_one_line_with_its_remedy() {
        let report = report([
            Finding::ok("fine"),
            Finding::failed("broken\ntwice", "mend it"),
        ]);
        assert_eq!(
            report.to_string(),
            "ok       part      fine\nfailed   part      broken twice; mend it"
        );
    }
}

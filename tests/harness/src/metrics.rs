//! What a Prometheus would read.

use std::collections::{BTreeMap, BTreeSet};

/// A scrape, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    /// Read the text format; panics if it is none.
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a name and its type");
                let before = metrics.kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} comes twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("a series and its value");
                let value = value.parse().expect("a number");
                let before = metrics.samples.insert(series.to_owned(), value);
                assert_eq!(before, None, "{series} comes twice");
            }
        }
        metrics
    }

    /// Add what another process counts.
    pub fn add(&mut self, other: &Self) {
        self.kinds.extend(other.kinds.clone());
        for (series, value) in &other.samples {
            *self.samples.entry(series.clone()).or_default() += value;
        }
    }

    /// The type of a metric.
    pub fn kind(&self, name: &str) -> Option<&str> {
        self.kinds.get(name).map(String::as_str)
    }

    /// The value of a series, such as `copilot_turns_total{status="failed"}`; 0 if it is not there.
    pub fn value(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or_default()
    }

    /// The sum over all series of a name.
    pub fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// All series of a name.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let is_of = move |series: &str| {
            let rest = series.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let samples = self.samples.iter();
        samples
            .map(|(series, value)| (series.as_str(), *value))
            .filter(move |(series, _)| is_of(series))
    }

    /// How many series there are in all.
    pub fn size(&self) -> usize {
        self.samples.len()
    }

    /// The values that a label takes anywhere.
    pub fn label(&self, label: &str) -> BTreeSet<&str> {
        let start = format!("{label}=\"");
        let values = self.samples.keys().filter_map(|series| {
            let (_, rest) = series.split_once(&start)?;
            rest.split('"').next()
        });
        values.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_read_by_series_name_and_label() {
        let metrics = Metrics::parse(
            "# HELP a_total As.\n# TYPE a_total counter\na_total{b=\"x\",c=\"1\"} 2\n\
             a_total{b=\"y\",c=\"1\"} 3\na_total_more 7\n",
        );
        assert_eq!(metrics.kind("a_total"), Some("counter"));
        assert_eq!(metrics.value("a_total{b=\"y\",c=\"1\"}").to_string(), "3");
        assert_eq!(metrics.sum("a_total").to_string(), "5");
        assert_eq!(
            metrics.label("b").into_iter().collect::<Vec<_>>(),
            ["x", "y"]
        );
    }
}

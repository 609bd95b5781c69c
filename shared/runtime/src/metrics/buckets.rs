use prometheus_client::metrics::histogram::Histogram;

/// Which lengths of time a histogram tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buckets {
    /// What should take milliseconds: requests, waits, first chunks, cancels.
    Short,
    /// What may take minutes: turns and tools.
    Long,
}

impl Buckets {
    const fn bounds(self) -> &'static [f64] {
        match self {
            Self::Short => &[
                0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
                60.0,
            ],
            Self::Long => &[
                0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
            ],
        }
    }
}

/// A histogram of seconds.
#[must_use]
pub fn histogram(buckets: Buckets) -> Histogram {
    Histogram::new(buckets.bounds().iter().copied())
}

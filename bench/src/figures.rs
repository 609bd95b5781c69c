//! What was measured from a client's side, and how it is shown.

use std::time::Duration;

/// Times of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// From the request to the first delta.
    pub(crate) first: Times,
    /// From the request to the end of the stream.
    pub(crate) total: Times,
    /// From the first request to the last end.
    pub(crate) wall: Duration,
}

impl Figures {
    /// Turns in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.total.len() as f64 / self.wall.as_secs_f64()
    }

    pub(crate) fn print(&self) {
        println!("turns/s        {:.1}", self.rate());
        println!("first delta    {}", self.first);
        println!("to the end     {}", self.total);
    }
}

/// Lengths of time, of which a share is asked for.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Sorted.
    times: Vec<Duration>,
}

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        let at = self.times.partition_point(|earlier| *earlier <= time);
        self.times.insert(at, time);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.times.extend(other.times);
        self.times.sort_unstable();
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Milliseconds that this share (0 to 1) of them did not exceed.
    pub(crate) fn millis_at(&self, share: f64) -> f64 {
        let index = (self.times.len().saturating_sub(1) as f64 * share).round() as usize;
        self.times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "p50 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
            self.millis_at(0.5),
            self.millis_at(0.99),
            self.millis_at(1.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_found_in_whatever_order_the_times_came() {
        let mut times = Times::default();
        for millis in [30, 10, 20] {
            times.add(Duration::from_millis(millis));
        }
        let mut more = Times::default();
        more.add(Duration::from_millis(5));
        more.add(Duration::from_millis(40));
        times.extend(more);
        assert_eq!(times.len(), 5);
        let shares = [0.0, 0.5, 1.0].map(|share| times.millis_at(share));
        assert_eq!(shares.map(|millis| millis as u64), [5, 20, 40]);
    }
}

//! Randomness as a parameter.

/// Spreads retries, so that many turns do not come back at the same moment.
pub trait Jitter: Send + Sync {
    /// A number in `0.0..1.0`.
    fn sample(&self) -> f64;
}

/// The jitter of production.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomJitter;

impl Jitter for RandomJitter {
    fn sample(&self) -> f64 {
        rand::random()
    }
}

//! Which sections fit a query best: BM25 over words, where a word in a heading counts more.

use super::words;
use std::collections::{BTreeMap, HashMap};

/// How fast a repeated word stops counting.
const K1: f64 = 1.2;

/// How much the length of a section matters.
const B: f64 = 0.6;

/// What a word of the section's heading counts, and one of the page's title.
const HEADING: f64 = 4.0;
const TITLE: f64 = 2.0;

/// How much of a query (by the weight of its words) a section must hold.
const LEAST_COVERAGE: f64 = 0.2;

/// How much a section gains whose heading is all in the query.
const WHOLE_HEADING: f64 = 0.5;

/// The words of all sections, the other way round.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Word → section → how much it counts there.
    places: HashMap<String, Vec<(usize, f64)>>,
    lengths: Vec<f64>,
    headings: Vec<Vec<String>>,
}

impl Ranking {
    /// Adds the next section.
    pub(super) fn add(&mut self, title: &str, heading: &str, body: &str) {
        let section = self.lengths.len();
        let body = words::of_body(body);
        let mut counts: HashMap<String, f64> = HashMap::new();
        let length = body.len();
        let heading = words::of(heading);
        self.headings.push(heading.clone());
        for (words, weight) in [(body, 1.0), (heading, HEADING), (words::of(title), TITLE)] {
            for word in words {
                *counts.entry(word).or_default() += weight;
            }
        }
        for (word, count) in counts {
            self.places.entry(word).or_default().push((section, count));
        }
        self.lengths.push(as_f64(length));
    }

    /// The sections that fit, with their scores, the best one first; ties in their order.
    pub(super) fn search(&self, query: &[String]) -> Vec<(usize, f64)> {
        let mean = self.lengths.iter().sum::<f64>() / as_f64(self.lengths.len().max(1));
        let mut weight_of_all = 0.0;
        // Score and the weight of the words found; ordered, so that equal inputs give equal sums.
        let mut scores: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for (at, word) in query.iter().enumerate() {
            if query.iter().take(at).any(|earlier| earlier == word) {
                continue;
            }
            let places = self.places.get(word).map_or(&[][..], Vec::as_slice);
            let weight = self.weight(places.len());
            weight_of_all += weight;
            for &(section, count) in places {
                let length = self.lengths.get(section).copied().unwrap_or(mean);
                let norm = K1 * (1.0 - B + B * length / mean.max(1.0));
                let (score, covered) = scores.entry(section).or_default();
                *score += weight * count * (K1 + 1.0) / (count + norm);
                *covered += weight;
            }
        }
        let mut found: Vec<(usize, f64)> = scores
            .into_iter()
            .filter(|(_, (_, covered))| *covered >= LEAST_COVERAGE * weight_of_all)
            .map(|(section, (score, covered))| {
                let gain = 1.0 + WHOLE_HEADING * self.heading_coverage(section, query);
                (
                    section,
                    score * gain * (0.5 + 0.5 * covered / weight_of_all),
                )
            })
            .collect();
        found.sort_by(|(a, score_a), (b, score_b)| score_b.total_cmp(score_a).then(a.cmp(b)));
        found
    }

    /// How much of a section's heading the query holds: "Which tools are there" is about tools
    /// alone, "Call a tool by hand" is not.
    fn heading_coverage(&self, section: usize, query: &[String]) -> f64 {
        let heading = self.headings.get(section).map_or(&[][..], Vec::as_slice);
        let held = heading.iter().filter(|word| query.contains(word)).count();
        as_f64(held) / as_f64(heading.len().max(1))
    }

    /// A word that few sections have says much.
    fn weight(&self, having: usize) -> f64 {
        let (all, having) = (as_f64(self.lengths.len()), as_f64(having));
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of words, far below 2^52"
)]
const fn as_f64(count: usize) -> f64 {
    count as f64
}

//! All pages, and the search among them.

use super::{
    page::{Page, Section},
    ranking::Ranking,
    snippet,
    source::{self, LoadDocsError},
    words,
};
use std::path::Path;

/// The words of a query that are looked for.
const MOST_WORDS: usize = 64;

/// The best section of a page.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The page.
    pub page: &'a Page,
    /// The section's heading.
    pub section: &'a str,
    /// The part of it that fits best, at most 200 characters.
    pub snippet: String,
    /// How well it fits.
    pub score: f64,
}

/// Pages that can be read and searched. Made once, never changed.
#[derive(Debug, Default)]
pub struct DocIndex {
    pages: Vec<Page>,
    /// Each section with the place of its page.
    sections: Vec<(usize, Section)>,
    ranking: Ranking,
}

impl DocIndex {
    /// The project's own documentation.
    #[must_use]
    pub fn built_in() -> Self {
        Self::of(source::built_in())
    }

    /// The project's own documentation and all Markdown files in `folders`. Reads the disk.
    pub fn load(folders: &[impl AsRef<Path>]) -> Result<Self, LoadDocsError> {
        let mut pages = source::built_in();
        for folder in folders {
            pages.extend(source::folder(folder.as_ref())?);
        }
        Ok(Self::of(pages))
    }

    /// These pages; of two with one path the first.
    #[must_use]
    pub fn of(pages: impl IntoIterator<Item = Page>) -> Self {
        let mut index = Self::default();
        for page in pages {
            if index.page(&page.path).is_none() {
                index.add(page);
            }
        }
        index
    }

    fn add(&mut self, page: Page) {
        for section in page.sections() {
            self.ranking
                .add(&page.title, &section.heading, &section.body);
            self.sections.push((self.pages.len(), section));
        }
        self.pages.push(page);
    }

    /// The page at `path`, with or without its ending.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<&Page> {
        let is_it = |page: &&Page| page.path == path || page.path.strip_suffix(".md") == Some(path);
        self.pages.iter().find(is_it)
    }

    /// All pages, in their order.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// The best section of at most `limit` pages, the best one first.
    #[must_use]
    pub fn search(&self, query: &str, limit: usize) -> Vec<Found<'_>> {
        let mut query = words::of(query);
        query.truncate(MOST_WORDS);
        let mut seen = Vec::new();
        let mut found = Vec::new();
        for (at, score) in self.ranking.search(&query) {
            let Some((page, section)) = self.sections.get(at) else {
                continue;
            };
            if found.len() == limit {
                break;
            }
            if seen.contains(page) {
                continue;
            }
            seen.push(*page);
            found.extend(self.pages.get(*page).map(|page| Found {
                page,
                section: &section.heading,
                snippet: snippet::of(&section.body, &query),
                score,
            }));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the questions do not find their page and section among the first `within`.
    fn missed(within: usize, questions: &[(&str, &str, &str)]) -> Vec<String> {
        let index = DocIndex::built_in();
        let mut missed = Vec::new();
        for (question, page, section) in questions {
            let found = index.search(question, 5);
            assert!(found.len() <= 5);
            let is_it =
                |found: &Found<'_>| found.page.path == *page && found.section.contains(section);
            if !found.iter().take(within).any(is_it) {
                let all: Vec<_> = found
                    .iter()
                    .map(|one| (&one.page.path, one.section, one.score))
                    .collect();
                missed.push(format!("{question}: {all:?}"));
            }
        }
        missed
    }

    #[test]
    fn real_questions_find_their_page_and_section_first() {
        let missed = missed(
            1,
            &[
                ("How do I resume a stream?", "the-stream.md", "resume"),
                (
                    "what happens when the process is killed",
                    "how-it-works.md",
                    "kill",
                ),
                ("how do I cancel a turn", "turns.md", "Cancel"),
                ("which port does it listen on", "troubleshooting.md", "port"),
                (
                    "how do I use a real model",
                    "getting-started.md",
                    "real model",
                ),
                ("What is a turn?", "turns.md", ""),
                (
                    "how do I install and start it",
                    "getting-started.md",
                    "Install",
                ),
                ("what does llm_auth mean", "troubleshooting.md", "llm_auth"),
                ("which tools are there", "tools.md", "Which tools"),
                ("how do I list sessions", "http-api.md", "List sessions"),
                (
                    "can it use Postgres",
                    "embedded-and-distributed.md",
                    "Postgres",
                ),
                ("heartbeat", "the-stream.md", "Heartbeats"),
                (
                    "where is my data",
                    "getting-started.md",
                    "Where the data is",
                ),
                (
                    "how do I search my own documentation",
                    "tools.md",
                    "own documentation",
                ),
                ("What is an effect class?", "tools.md", "Effect classes"),
            ],
        );
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn questions_that_several_pages_answer_find_each_of_them() {
        let missed = missed(
            2,
            &[
                ("error codes of the stream", "the-stream.md", "Error codes"),
                ("idempotency key", "turns.md", "idempotency"),
                ("how do I cancel a running answer", "turns.md", "Cancel"),
            ],
        );
        assert!(missed.is_empty(), "{missed:#?}");
    }

    #[test]
    fn small_talk_and_foreign_words_find_nothing() {
        let index = DocIndex::built_in();
        for question in [
            "",
            "hi",
            "Hello, how are you?",
            "thanks!",
            "quokka xylophone",
            "???",
        ] {
            assert!(index.search(question, 5).is_empty(), "{question}");
        }
    }

    #[test]
    fn a_folder_adds_its_pages_under_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("handbook");
        std::fs::create_dir_all(folder.join("team")).unwrap();
        std::fs::write(
            folder.join("team/holidays.md"),
            "# Holidays\n\n## Booking\nAsk the zookeeper.",
        )
        .unwrap();
        std::fs::write(folder.join("picture.png"), "x").unwrap();
        std::fs::write(folder.join("huge.md"), vec![b'x'; (1 << 20) + 1]).unwrap();
        std::os::unix::fs::symlink("/etc", folder.join("etc")).unwrap();

        let index = DocIndex::load(&[&folder]).unwrap();

        assert_eq!(index.pages().len(), DocIndex::built_in().pages().len() + 1);
        let found = index.search("zookeeper", 5);
        assert_eq!(
            (found[0].page.path.as_str(), found[0].section),
            ("handbook/team/holidays.md", "Booking")
        );
        assert_eq!(found[0].snippet, "Ask the zookeeper.");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = DocIndex::load(&["/no/such/folder"]).unwrap_err();
        assert_eq!(error.to_string(), "docs.paths: cannot read /no/such/folder");
    }
}

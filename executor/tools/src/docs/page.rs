//! A page and its sections.

/// A page of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path, unique among all pages.
    pub path: String,
    /// Its first heading; its path if it has none.
    pub title: String,
    /// All of it, in Markdown.
    pub content: String,
}

/// A heading and what stands below it, up to the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) body: String,
}

impl Page {
    /// Reads Markdown.
    #[must_use]
    pub fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        let (path, content) = (path.into(), content.into());
        let title = lines(&content)
            .find_map(|line| line.heading)
            .map_or_else(|| path.clone(), str::to_owned);
        Self {
            path,
            title,
            content,
        }
    }

    /// Its sections, in order, each under its own heading. What stands before the first heading
    /// stands under the title.
    pub(super) fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        let mut open = Section {
            heading: self.title.clone(),
            body: String::new(),
        };
        for line in lines(&self.content) {
            if let Some(heading) = line.heading {
                sections.push(open);
                open = Section {
                    heading: heading.to_owned(),
                    body: String::new(),
                };
            } else {
                open.body.push_str(line.text);
                open.body.push('\n');
            }
        }
        sections.push(open);
        sections.retain(|section| !section.body.trim().is_empty());
        sections
    }
}

struct Line<'a> {
    text: &'a str,
    heading: Option<&'a str>,
}

/// A `#` inside a code block is no heading.
fn lines(content: &str) -> impl Iterator<Item = Line<'_>> {
    let mut fence: Option<&str> = None;
    content.lines().map(move |text| {
        let start = text.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => {
                return Line {
                    text,
                    heading: heading(text),
                };
            }
            _ => {}
        }
        Line {
            text,
            heading: None,
        }
    })
}

fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    let text = rest.strip_prefix(' ')?.trim().trim_end_matches('#').trim();
    ((1..=6).contains(&level) && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_divide_a_page_and_code_does_not() {
        let page = Page::new(
            "a.md",
            "# Title\n\nIntro\n\n## One\n```sh\n# no heading\n```\n\n## Empty\n\n### Two ##\nx",
        );
        assert_eq!(page.title, "Title");
        let sections: Vec<_> = page
            .sections()
            .into_iter()
            .map(|section| (section.heading, section.body))
            .collect();
        assert_eq!(
            sections,
            [
                ("Title".to_owned(), "\nIntro\n\n".to_owned()),
                ("One".to_owned(), "```sh\n# no heading\n```\n\n".to_owned()),
                ("Two".to_owned(), "x\n".to_owned()),
            ]
        );
        assert_eq!(Page::new("b.md", "#no\ntext").title, "b.md");
    }
}

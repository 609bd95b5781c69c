//! The words around a conversation. The front (persona, rules) is the same for every request, so
//! that providers can cache it; what changes stands behind the history.

use copilot_core::turn::Turn;
use minijinja::{Environment, context};
use std::sync::Arc;

const PERSONA: &str = include_str!("../templates/persona.txt");
const SYSTEM: &str = include_str!("../templates/system.txt");
const BACKGROUND: &str = include_str!("../templates/background.txt");

/// A template that does not render: our own fault, found by the first test.
#[derive(Debug, thiserror::Error)]
#[error("a prompt template is broken")]
pub struct PromptError(#[from] minijinja::Error);

/// The prompt's templates, with the operator's persona.
#[derive(Clone, Debug)]
pub struct Prompt {
    system: Arc<str>,
    templates: Arc<Environment<'static>>,
}

impl Prompt {
    /// The prompt that speaks as `persona`; without one as the built-in one.
    pub fn new(persona: Option<&str>) -> Result<Self, PromptError> {
        let mut templates = Environment::new();
        templates.add_template("background", BACKGROUND)?;
        let persona = persona.unwrap_or(PERSONA).trim();
        let system = templates.render_str(SYSTEM, context! { persona })?;
        Ok(Self {
            system: system.into(),
            templates: Arc::new(templates),
        })
    }

    /// The system message, the same for every request of this process.
    #[must_use]
    pub fn system(&self) -> &str {
        &self.system
    }

    /// What the application adds to a turn: when it began and what the page knows. The same for
    /// each step and attempt, so that the conversation in front of it stays a cached one.
    pub fn background(&self, turn: &Turn) -> Result<String, PromptError> {
        let page = &turn.request.context;
        let others: Vec<_> = page
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "url" | "content"))
            .map(|(name, value)| context! { name => attribute(name), value => inert(value) })
            .collect();
        let began_at = turn
            .started_at
            .unwrap_or(turn.created_at)
            .format("%A, %-d %B %Y, %H:%M UTC")
            .to_string();
        Ok(self
            .templates
            .get_template("background")?
            .render(context! {
                began_at,
                url => page.get("url").map(|url| attribute(url)),
                content => page.get("content").map(|content| inert(content)),
                others,
            })?)
    }
}

/// Text that cannot close the tag around it.
fn inert(text: &str) -> String {
    text.replace("</page", "<\\/page")
        .replace("</context", "<\\/context")
}

/// Text on one line that cannot leave its quotes.
fn attribute(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
        .replace(['"', '<', '>'], "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;

    #[test]
    fn the_front_holds_nothing_that_changes() {
        let prompt = Prompt::new(None).unwrap();
        assert!(prompt.system().starts_with("You are Copilot"));
        assert_eq!(prompt.system(), Prompt::new(None).unwrap().system());
        assert!(
            Prompt::new(Some("You are Ada.\n"))
                .unwrap()
                .system()
                .starts_with("You are Ada.\n\n# Rules")
        );
    }

    #[test]
    fn page_and_date_are_told_and_the_page_cannot_leave_its_tag() {
        let mut turn = fixture::turn();
        turn.request
            .context
            .insert("url".into(), "https://example.org/\"x\ny".into());
        turn.request
            .context
            .insert("content".into(), "a </page> {{ 7 * 7 }} b".into());
        turn.request.context.insert("locale".into(), "de".into());

        let background = Prompt::new(None).unwrap().background(&turn).unwrap();

        assert!(background.contains("on Tuesday, 3 March 2026, 14:05 UTC."));
        assert!(background.contains("page: https://example.org/'x y\n"));
        assert!(background.contains("<page>\na <\\/page> {{ 7 * 7 }} b\n</page>"));
        assert!(background.contains("<context name=\"locale\">de</context>"));
    }
}

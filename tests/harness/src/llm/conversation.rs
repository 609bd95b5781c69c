//! Tells which earlier request a request continues, and checks that the prompt's front stayed.

use serde_json::Value;

use super::chat_request::ChatRequest;

/// The latest request of each conversation that offered tools.
#[derive(Default)]
pub(super) struct Conversations {
    latest: Vec<Seen>,
}

struct Seen {
    messages: Vec<Value>,
    tools: Vec<String>,
}

impl Conversations {
    /// Remember `request`; a sentence if it offers other tools, or in another order, than the
    /// former request of its conversation. Requests without tools (titles) are passed by.
    pub(super) fn check(&mut self, request: &ChatRequest) -> Option<String> {
        let tools: Vec<String> = request
            .tool_names()
            .iter()
            .map(ToString::to_string)
            .collect();
        if tools.is_empty() {
            return None;
        }
        let messages = history(request);
        let former = self
            .latest
            .iter_mut()
            .rev()
            .find(|seen| messages.starts_with(&seen.messages));
        let Some(former) = former else {
            self.latest.push(Seen { messages, tools });
            return None;
        };
        let change = (former.tools != tools).then(|| {
            format!(
                "the tools changed within a conversation: {:?} → {tools:?}",
                former.tools
            )
        });
        *former = Seen { messages, tools };
        change
    }
}

/// What identifies a conversation: all but the system message, which may carry the date.
fn history(request: &ChatRequest) -> Vec<Value> {
    request.messages().iter().skip(1).cloned().collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::llm::Protocol;

    fn request(messages: &[&str], tools: &[&str]) -> ChatRequest {
        let mut all = vec![json!({"role": "system", "content": "s"})];
        all.extend(
            messages
                .iter()
                .map(|text| json!({"role": "user", "content": text})),
        );
        let offered: Vec<Value> = tools
            .iter()
            .map(|name| json!({"type": "function", "function": {"name": name}}))
            .collect();
        let body = json!({"messages": all, "tools": offered});
        ChatRequest::new(0, HeaderMap::new(), Protocol::OpenAi, body)
    }

    #[test]
    fn another_order_is_seen_within_a_conversation_only() {
        let mut conversations = Conversations::default();

        assert_eq!(conversations.check(&request(&["one"], &["a", "b"])), None);
        assert_eq!(conversations.check(&request(&["two"], &["b", "a"])), None);
        assert_eq!(
            conversations.check(&request(&["one", "more"], &["a", "b"])),
            None
        );
        assert!(
            conversations
                .check(&request(&["one", "more"], &["b", "a"]))
                .is_some()
        );
    }

    #[test]
    fn a_request_without_tools_is_passed_by() {
        let mut conversations = Conversations::default();

        assert_eq!(conversations.check(&request(&["one"], &["a"])), None);
        assert_eq!(conversations.check(&request(&["one"], &[])), None);
        assert_eq!(conversations.check(&request(&["one"], &["a"])), None);
    }
}

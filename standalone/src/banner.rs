//! What a person sees at the start.

use copilot_runtime::settings::{LlmSettings, Provider};
use std::net::SocketAddr;

/// Addresses, the provider, and a line to try that works as it stands.
pub(crate) fn banner(address: SocketAddr, base_path: &str, llm: &LlmSettings) -> String {
    let base = format!("http://{address}{base_path}");
    let answers = match llm.provider {
        Provider::Builtin => {
            "the built-in provider, from the docs (set OPENAI_API_KEY for a language model)"
                .to_owned()
        }
        provider => format!("{} by {}", llm.model, provider.name()),
    };
    let body = r#"{"id":"first-chat","messages":[{"id":"m1","role":"user","parts":[{"type":"text","text":"How do I resume a stream?"}]}]}"#;
    format!(
        "Copilot {version} is ready.\n\n\
         \x20 page      {base}/\n\
         \x20 API docs  {base}/docs\n\
         \x20 answers   {answers}\n\n\
         Try it:\n\n\
         \x20 curl -N {base}/api/chat -H 'content-type: application/json' -d '{body}'\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

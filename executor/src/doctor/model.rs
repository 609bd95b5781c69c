use crate::model_provider::{KeyForm, model_server};
use async_trait::async_trait;
use copilot_engine::providers::ServerConfig;
use copilot_runtime::{
    doctor::{Check, Finding, HttpFault, body, client},
    settings::LlmSettings,
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

/// Whether the model's server answers, takes the key, and knows the model. Lists its models, which
/// costs nothing.
pub(super) struct Model(pub(super) LlmSettings);

#[derive(Deserialize)]
struct Models {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
}

#[async_trait]
impl Check for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    async fn run(&self) -> Finding {
        let Some((server, key)) = model_server(&self.0) else {
            return Finding::warning(
                "no language model configured: the built-in provider answers from the documentation",
                "set OPENAI_API_KEY, or llm.provider with llm.base_url",
            );
        };
        match models(&server, key).await {
            Ok((status, models)) => self.judged(status, models),
            Err(fault) => Finding::failed(
                format!("{} does not answer: {fault}", self.server()),
                "look at llm.base_url, and whether this machine can reach it",
            ),
        }
    }
}

/// The status and, if that is what came, the list.
async fn models(
    server: &ServerConfig,
    key_form: KeyForm,
) -> Result<(u16, Option<Models>), HttpFault> {
    let mut request = client()?.get(format!("{}/models", server.base_url.trim_end_matches('/')));
    if key_form == KeyForm::Anthropic {
        request = request.header("anthropic-version", "2023-06-01");
    }
    if let Some(key) = &server.api_key {
        request = match key_form {
            KeyForm::Bearer => request.bearer_auth(key.expose_secret()),
            KeyForm::Anthropic => request.header("x-api-key", key.expose_secret()),
        };
    }
    for (name, value) in &server.headers {
        request = request.header(name, value);
    }
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let models = serde_json::from_slice(&body(answer).await?).ok();
    Ok((status, models))
}

impl Models {
    /// Whether `model` is one of them; Google puts a path in front of the names.
    fn has(&self, model: &str) -> bool {
        self.data.iter().any(|listed| {
            let name = listed.id.strip_prefix("models/").unwrap_or(&listed.id);
            listed.id == model || name == model
        })
    }
}

impl Model {
    /// As it may be shown.
    fn server(&self) -> String {
        match &self.0.base_url {
            Some(url) => url.to_string(),
            None => self.0.provider.to_string(),
        }
    }

    fn judged(&self, status: u16, models: Option<Models>) -> Finding {
        let (server, model) = (self.server(), &self.0.model);
        match (status, models) {
            (200..=299, Some(models)) if models.has(model) => {
                Finding::ok(format!("{server} takes the key and has {model}"))
            }
            (200..=299, Some(_)) => Finding::warning(
                format!("{server} answers, but does not list {model}"),
                "look at llm.model; some servers list only a part of their models",
            ),
            (401 | 403, _) => Finding::failed(
                format!("{server} refuses the key ({status})"),
                "look at llm.api_key, and that it is this server's",
            ),
            (200..=299, None) | (404 | 405, _) => Finding::warning(
                format!(
                    "{server} answers, but lists no models ({status}), so the key was not tried"
                ),
                "if turns fail, look at the path of llm.base_url: most servers want /v1 at its end",
            ),
            (429, _) => Finding::warning(
                format!("{server} says that there were too many requests"),
                "wait, or look at the limits of that account",
            ),
            _ => Finding::failed(
                format!("{server} answers {status}"),
                "look at that server, and at llm.base_url",
            ),
        }
    }
}

use super::secret_url::SecretUrl;
use super::value::FromText;

/// `amqp://` or `amqps://`.
#[derive(Clone)]
pub(super) struct AmqpUrl(pub(super) SecretUrl);

impl FromText for AmqpUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        SecretUrl::of_schemes(text, &["amqp", "amqps"]).map(Self)
    }
}

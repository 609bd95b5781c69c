use url::Url;

/// What `copilot chat` takes.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Exit codes: 0 answered, 1 the turn failed or the server refused, 2 wrong usage, \
3 the server cannot be reached, 130 cancelled by Ctrl-C."
)]
pub struct ChatArgs {
    /// The server, with its base path if it has one.
    #[arg(long, env = "COPILOT_URL", default_value = "http://127.0.0.1:8006")]
    pub url: Url,
    /// A bearer token; `copilot token` makes one for development.
    #[arg(long, env = "COPILOT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Go on in this session; otherwise a new one begins.
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Print each event as a line of JSON, for programs.
    #[arg(long)]
    pub json: bool,
    /// The message. Without one: standard input, or a conversation if that is a terminal.
    pub message: Option<String>,
}

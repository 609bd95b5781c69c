use reqwest::{Client, Error, Response, redirect::Policy};
use std::{fmt, time::Duration};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(8);
const LONGEST_BODY: usize = 4_000_000;

/// A client for one small question.
pub fn client() -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .timeout(LIMIT)
        .redirect(Policy::none())
        .no_proxy()
        .build()
}

/// Why a server did not answer, in a few words: never its address, which may hold a secret.
#[derive(Debug)]
pub struct HttpFault(Error);

/// The body of a small answer; what is beyond the limit is left out.
pub async fn body(mut answer: Response) -> Result<Vec<u8>, HttpFault> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST_BODY {
            body.truncate(LONGEST_BODY);
            break;
        }
    }
    Ok(body)
}

impl From<Error> for HttpFault {
    fn from(error: Error) -> Self {
        Self(error.without_url())
    }
}

impl fmt::Display for HttpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_timeout() {
            return f.write_str("no answer in time");
        }
        // The last cause is the system's: connection refused, unknown host, unknown issuer.
        let mut cause: &dyn std::error::Error = &self.0;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        write!(f, "{cause}")
    }
}

//! Logs: to standard error, pretty on a terminal, else one JSON object a line.

use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::{LogFormat, LogSettings};

/// Libraries that tell more than an operator wants to know; from them warnings at most.
const NOISY: [&str; 11] = [
    "h2",
    "hyper",
    "mio",
    "poem",
    "redis",
    "reqwest",
    "rustls",
    "sea_orm",
    "sqlx",
    "tokio_util",
    "tower",
];
/// Libraries that log each error beside giving it to us; who calls them tells it, once.
const TOLD_BY_US: [&str; 2] = ["lapin", "rustls_platform_verifier"];

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is no filter.
    #[error(
        "expected off, error, warn, info, debug or trace, also for targets like info,copilot_engine=debug; got {level:?}"
    )]
    Level {
        /// As it was written.
        level: String,
    },
    /// Only one log a process.
    #[error("the log of this process was set up before")]
    Taken(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up the log of this process, once.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let on_terminal = io::stderr().is_terminal();
    subscriber(settings, on_terminal, io::stderr)?
        .try_init()
        .map_err(TelemetryError::Taken)
}

/// The filter of a `log.level`: levels and `target=level`, separated by commas.
///
/// A bare word that is no level would silently be taken for a target; here it is refused.
pub(crate) fn log_filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let problem = || TelemetryError::Level {
        level: level.to_owned(),
    };
    let mut general = None;
    if level.trim().is_empty() {
        return Err(problem());
    }
    for part in level.split(',').map(str::trim) {
        if part.is_empty() || part.contains(['=', '[']) {
            continue;
        }
        general = Some(part.parse::<LevelFilter>().map_err(|_| problem())?);
    }
    let noisy = general.unwrap_or(LevelFilter::ERROR).min(LevelFilter::WARN);
    let quiet = NOISY.map(|target| format!("{target}={noisy}"));
    let silent = TOLD_BY_US.map(|target| format!("{target}=off"));
    let libraries = [quiet.join(","), silent.join(",")].join(",");
    // For one and the same target the later wins, so what the operator says about a library counts.
    EnvFilter::try_new(format!("{libraries},{level}")).map_err(|_| problem())
}

fn subscriber<W>(
    settings: &LogSettings,
    on_terminal: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(log_filter(&settings.level)?);
    let lines = fmt::layer().with_writer(writer);
    let pretty = match settings.format {
        LogFormat::Auto => on_terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    if pretty {
        // Left alone, the layer heeds NO_COLOR.
        let lines = if on_terminal {
            lines
        } else {
            lines.with_ansi(false)
        };
        return Ok(Box::new(registry.with(lines)));
    }
    // All spans, since each id (request, session, turn) is a field of another one.
    let json = lines
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true);
    Ok(Box::new(registry.with(json)))
}

#[cfg(test)]
mod tests {

    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, log: impl FnOnce()) -> String {
        let written = Written::default();
        let settings = LogSettings {
            format,
            level: level.to_owned(),
            slow_turn: Duration::from_secs(5),
        };
        let writer = written.clone();
        let subscriber = subscriber(&settings, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_carries_the_fields_of_the_event_and_of_all_spans() {
        let text = logged(LogFormat::Auto, "info", || {
            let _request = tracing::info_span!("request", request_id = "r1").entered();
            let _turn = tracing::info_span!("turn", turn_id = "t1").entered();
            tracing::info!(total = 3, "turn finished");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "turn finished");
        assert_eq!(line["total"], 3);
        assert_eq!(line["spans"][0]["request_id"], "r1");
        assert_eq!(line["spans"][1]["turn_id"], "t1");
    }

    #[test]
    fn pretty_is_for_people() {
        let text = logged(LogFormat::Pretty, "info", || {
            tracing::info!("turn accepted");
        });
        assert!(text.contains("INFO"), "{text}");
        assert!(!text.starts_with('{'), "{text}");
    }

    #[test]
    fn libraries_keep_quiet_unless_asked_by_name() {
        let all = || {
            tracing::info!(target: "hyper::client", "a connection");
            tracing::warn!(target: "sqlx::query", "a slow one");
            tracing::debug!(target: "copilot_engine", "a step");
        };
        let text = logged(LogFormat::Pretty, "debug", all);
        assert!(!text.contains("a connection"), "{text}");
        assert!(
            text.contains("a slow one") && text.contains("a step"),
            "{text}"
        );

        let text = logged(LogFormat::Pretty, "error,hyper=trace", all);
        assert!(text.contains("a connection"), "{text}");
        assert!(
            !text.contains("a slow one") && !text.contains("a step"),
            "{text}"
        );

        assert_eq!(logged(LogFormat::Pretty, "off", all), "");
    }

    #[test]
    fn a_wrong_level_is_refused_and_named() {
        for wrong in ["inof", "", "copilot=loud", "info,verbose"] {
            let error = log_filter(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }
}

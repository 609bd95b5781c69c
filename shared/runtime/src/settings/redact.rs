/// Stands for what must not be seen.
pub(super) const HIDDEN: &str = "***";

/// A URL (or what somebody took for one) without its password, its tokens and its secret parameters.
///
/// Works on the text, since it must also hold for what does not parse.
pub(super) fn redact_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return if text.contains('@') || text.contains("password") {
            HIDDEN.to_owned()
        } else {
            text.to_owned()
        };
    };
    let (place, query) = match rest.split_once('?') {
        // An unescaped `?` in a password ends the place too early: nothing here is safe.
        Some((_, query)) if query.contains('@') => return format!("{scheme}://{HIDDEN}"),
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{HIDDEN}@{host}"),
            None => format!("{HIDDEN}@{host}"),
        },
        None => place.to_owned(),
    };
    match query {
        Some(query) => format!("{scheme}://{place}?{}", redact_query(query)),
        None => format!("{scheme}://{place}"),
    }
}

/// A URL whose path may be a password, as those of webhooks are.
pub(super) fn origin_only(text: &str) -> String {
    match redact_url(text).split_once("://") {
        Some((scheme, rest)) => match rest.split_once(['/', '?']) {
            Some((host, _)) => format!("{scheme}://{host}/{HIDDEN}"),
            None => format!("{scheme}://{rest}"),
        },
        None => HIDDEN.to_owned(),
    }
}

fn redact_query(query: &str) -> String {
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["pass", "secret", "token", "key", "sig", "auth"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_secret_parameters_are_hidden() {
        for (text, shown) in [
            ("postgres://u:p@h/db", "postgres://u:***@h/db"),
            ("redis://:p@h:6379/0", "redis://:***@h:6379/0"),
            ("redis+cluster://u:p@h1,h2", "redis+cluster://u:***@h1,h2"),
            ("postgres://u:p@ss@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p?x@h/db", "postgres://***"),
            ("https://token@h/x", "https://***@h/x"),
            (
                "postgres://h/db?password=p&sslmode=require",
                "postgres://h/db?password=***&sslmode=require",
            ),
            (
                "sqlite://copilot.db?mode=rwc",
                "sqlite://copilot.db?mode=rwc",
            ),
            ("sqlite::memory:", "sqlite::memory:"),
            ("host=h password=p", "***"),
        ] {
            assert_eq!(redact_url(text), shown, "{text}");
        }
    }
}

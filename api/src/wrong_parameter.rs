//! What is wrong with a parameter, in words for its sender: the framework's name Rust's types.

/// Says it plainly.
pub(crate) fn wrong_parameter(reason: &str) -> String {
    if let Some(bound) = reason.strip_prefix("verification failed. ") {
        return out_of_bounds(bound);
    }
    let kinds = [
        ("integer", "must be a whole number in range"),
        ("boolean", "must be true or false"),
        ("uuid", "must be a UUID"),
    ];
    let kind = kinds.iter().find(|(kind, _)| reason.contains(kind));
    kind.map_or("cannot be read", |(_, words)| words).to_owned()
}

fn out_of_bounds(bound: &str) -> String {
    let (name, rest) = bound.split_once('(').unwrap_or_default();
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    match name {
        "minimum" => format!("must be at least {number}"),
        "maximum" => format!("must be at most {number}"),
        _ => "is out of bounds".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frameworks_reasons_are_said_plainly() {
        for (reason, plain) in [
            (
                "verification failed. minimum(1, exclusive: false)",
                "must be at least 1",
            ),
            (
                "verification failed. maximum(100, exclusive: false)",
                "must be at most 100",
            ),
            (
                "failed to parse \"integer(uint32)\": invalid digit found in string",
                "must be a whole number in range",
            ),
            (
                "failed to parse \"boolean\": provided string was not `true` or `false`",
                "must be true or false",
            ),
            ("something new", "cannot be read"),
        ] {
            assert_eq!(wrong_parameter(reason), plain);
        }
    }
}

use config::{Value, ValueKind};
use secrecy::SecretString;

use super::value::{FromValue, split};

/// Names with values: `["name=value"]`, `name=value,name=value`, or a table in the file.
#[derive(Clone, Default)]
pub(super) struct Pairs(pub(super) Vec<(String, SecretString)>);

impl FromValue for Pairs {
    fn from_value(value: &ValueKind) -> Result<Self, String> {
        let pairs = match value {
            ValueKind::Nil => Ok(Vec::new()),
            ValueKind::String(text) => split(text).map(pair).collect(),
            ValueKind::Array(items) => items.iter().map(|item| pair(text_of(item)?)).collect(),
            ValueKind::Table(table) => {
                let named = table
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), text_of(item)?.into())));
                named.collect::<Result<Vec<_>, String>>()
            }
            _ => Err("expected a list of \"name=value\"".to_owned()),
        };
        let mut pairs = pairs?;
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        match pairs.windows(2).find(|two| match two {
            [left, right] => left.0 == right.0,
            _ => false,
        }) {
            Some([(name, _), ..]) => Err(format!("{name:?} is given twice")),
            _ => Ok(Self(pairs)),
        }
    }
}

fn text_of(value: &Value) -> Result<&str, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text),
        _ => Err("expected text in quotes for each name".to_owned()),
    }
}

/// Values may be secrets, so a pair that cannot be read is not shown.
fn pair(text: &str) -> Result<(String, SecretString), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().into()))
        }
        _ => Err("expected \"name=value\" in each place of the list".to_owned()),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use secrecy::ExposeSecret as _;

    fn read(text: &str) -> Result<Pairs, String> {
        Pairs::from_value(&ValueKind::String(text.to_owned()))
    }

    #[test]
    fn a_value_may_hold_the_sign_itself() {
        let pairs = read("X-Key=YWJj==, A=1").unwrap().0;
        let shown: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        assert_eq!(shown, [("A", "1"), ("X-Key", "YWJj==")]);
    }

    #[test]
    fn a_pair_without_a_name_or_given_twice_is_refused_without_showing_it() {
        for wrong in ["hunter2", "=hunter2", "a=1,a=hunter2"] {
            let problem = read(wrong).err().unwrap();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}

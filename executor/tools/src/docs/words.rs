//! Words as they are compared: lower case, without their endings, without those that say nothing.

/// Words of questions and greetings that say nothing about what is asked.
const EMPTY: &[&str] = &[
    "a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but",
    "by", "bye", "can", "could", "did", "do", "does", "doing", "done", "for", "from", "get",
    "give", "good", "had", "has", "have", "hello", "help", "hey", "hi", "how", "i", "if", "in",
    "into", "is", "it", "its", "just", "know", "let", "like", "make", "may", "me", "morning",
    "much", "must", "my", "need", "no", "not", "of", "ok", "okay", "on", "one", "or", "our", "out",
    "please", "s", "shall", "should", "show", "so", "some", "t", "tell", "than", "thank", "thanks",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "too", "us",
    "very", "want", "was", "way", "we", "were", "what", "who", "will", "with", "would", "yes",
    "you", "your",
];

/// Words that say something in a heading ("Where the data is") and in a question, and nothing in
/// running text.
const ASKING: &[&str] = &["when", "where", "which", "why"];

/// The words of running text: [`of`] without those that only ask.
pub(super) fn of_body(text: &str) -> Vec<String> {
    let asking: Vec<String> = ASKING.iter().map(|word| stem(word)).collect();
    of(text)
        .into_iter()
        .filter(|word| !asking.contains(word))
        .collect()
}

/// The words of `text` that count, in order. A name such as `max_steps` counts as itself and as
/// its parts.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for raw in raw(text) {
        let word = raw.to_lowercase();
        if word.contains('_') {
            words.extend(word.split('_').filter(|part| counts(part)).map(stem));
            words.push(word);
        } else if counts(&word) {
            words.push(stem(&word));
        }
    }
    words
}

/// The pieces of `text` between all that is no letter, digit or underscore.
pub(super) fn raw(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| word.chars().any(char::is_alphanumeric))
}

fn counts(word: &str) -> bool {
    !word.is_empty() && EMPTY.binary_search(&word).is_err()
}

/// Without the commonest English endings, so that "resuming", "resumed" and "resume" are one.
fn stem(word: &str) -> String {
    let mut stem = word.to_owned();
    if !word.is_ascii()
        || word.len() < 4
        || word.chars().any(|character| character.is_ascii_digit())
    {
        return stem;
    }
    if let Some(front) = stem.strip_suffix("ies") {
        stem = format!("{front}y");
    } else if ["sses", "shes", "ches", "xes"]
        .iter()
        .any(|ending| stem.ends_with(ending))
    {
        stem.truncate(stem.len() - 2);
    } else if stem.ends_with('s')
        && !["ss", "us", "is"]
            .iter()
            .any(|ending| stem.ends_with(ending))
    {
        stem.pop();
    }
    for ending in ["ing", "ed", "ation", "er"] {
        let Some(front) = stem.strip_suffix(ending) else {
            continue;
        };
        if front.len() >= 3 && front.contains(['a', 'e', 'i', 'o', 'u', 'y']) {
            stem = undoubled(front);
            break;
        }
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    stem
}

/// "cancell" and "stopp" without the letter that only the ending brought.
fn undoubled(front: &str) -> String {
    let mut backwards = front.chars().rev();
    let last = backwards.next();
    let is_doubled = last.is_some_and(|last| !"aeiousz".contains(last)) && backwards.next() == last;
    let mut front = front.to_owned();
    if is_doubled && front.len() > 4 {
        front.pop();
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_empty_words_is_sorted_for_its_search() {
        assert!(EMPTY.is_sorted());
    }

    #[test]
    fn forms_of_a_word_are_one() {
        for forms in [
            &["resume", "resumes", "resumed", "resuming"][..],
            &["cancel", "cancelled", "cancelling", "canceled"],
            &["listen", "listens", "listening"],
            &["query", "queries"],
            &["configure", "configured", "configuration"],
            &["stream", "streams", "streaming"],
            &["process", "processes"],
        ] {
            let stems: Vec<_> = forms.iter().map(|form| stem(form)).collect();
            assert!(stems.windows(2).all(|pair| pair[0] == pair[1]), "{stems:?}");
        }
        assert_ne!(stem("kill"), stem("key"));
    }

    #[test]
    fn names_count_whole_and_in_parts_and_empty_words_not_at_all() {
        assert_eq!(
            of("How do I set `turn.max_steps`?"),
            ["set", "turn", "max", "step", "max_steps"]
        );
        assert_eq!(of("Hi, how are you?"), [""; 0]);
    }
}

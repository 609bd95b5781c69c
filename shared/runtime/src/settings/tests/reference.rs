//! The list of settings in `docs/settings.md`, made of `config/default.toml`.

use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
const MARK: &str = "<!-- From here on generated from config/default.toml: change that file and run `./dev docs`. -->\n";

#[test]
fn the_list_of_settings_in_the_docs_is_that_of_the_default_file() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, list) = page
        .split_once(MARK)
        .expect("the mark of the generated part");
    let fresh = sections(DEFAULTS);

    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, format!("{head}{MARK}{fresh}")).unwrap();
        return;
    }
    assert!(
        list == fresh,
        "docs/settings.md is out of date: run `./dev docs`"
    );
}

/// A row: keys that share a comment.
struct Row {
    keys: Vec<String>,
    defaults: Vec<String>,
    comment: String,
    examples: Vec<String>,
}

fn sections(defaults: &str) -> String {
    let mut page = String::new();
    let mut section = String::new();
    let mut comment: Vec<String> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for line in defaults.lines() {
        if line.is_empty() {
            comment.clear();
        } else if let Some(name) = line.strip_prefix('[') {
            page.push_str(&table(&rows));
            rows.clear();
            name.trim_end_matches(']').clone_into(&mut section);
            page.extend([
                "\n## Settings of ",
                &section,
                "\n\n",
                &comment.join(" "),
                "\n",
            ]);
            comment.clear();
        } else if line == "#" || line.starts_with("# ") {
            comment.push(words(line));
        } else {
            read_key(line, &section, &mut comment, &mut rows);
        }
    }
    page.push_str(&table(&rows));
    page
}

/// A line of a comment; one that is set in is an item of a list.
fn words(line: &str) -> String {
    let words: Vec<&str> = line.trim_start_matches('#').split_whitespace().collect();
    let end = if line.starts_with("#  ") { ";" } else { "" };
    words.join(" ") + end
}

fn read_key(line: &str, section: &str, comment: &mut Vec<String>, rows: &mut Vec<Row>) {
    let (text, is_active) = match line.strip_prefix('#') {
        Some(text) => (text, false),
        None => (line, true),
    };
    let (key, value) = text.split_once(" = ").expect("a key and its value");
    if !comment.is_empty() {
        rows.push(Row {
            keys: Vec::new(),
            defaults: Vec::new(),
            comment: comment.join(" "),
            examples: Vec::new(),
        });
        comment.clear();
    }
    let row = rows.last_mut().expect("the first key has a comment");
    row.keys.push(format!("`{section}.{key}`"));
    row.defaults.push(match (is_active, value) {
        (true, "\"\"") => "empty".to_owned(),
        (true, value) => format!("`{value}`"),
        (false, _) => "–".to_owned(),
    });
    if !is_active && !value.contains('…') {
        row.examples.push(format!("`{value}`"));
    }
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = "\n| key | default | meaning |\n|---|---|---|\n".to_owned();
    for row in rows {
        let mut defaults = row.defaults.clone();
        defaults.dedup();
        let examples = match row.examples.as_slice() {
            [] => String::new(),
            examples => format!(" Example: {}.", examples.join(", ")),
        };
        let meaning = row.comment.replace('|', "\\|");
        let cells = [
            row.keys.join(", "),
            defaults.join(", "),
            meaning + &examples,
        ];
        table.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    table
}

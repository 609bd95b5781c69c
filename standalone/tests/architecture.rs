//! Which crate may know which: the arrows of ARCHITECTURE.md.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot read the workspace fails loudly"
)]

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeSet;

/// Each crate of the product, and the ones of ours that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("copilot-core", &[]),
    ("copilot-migrations", &[]),
    ("copilot-responses", &[]),
    ("copilot-infra", &["copilot-core", "copilot-migrations"]),
    (
        "copilot-runtime",
        &["copilot-core", "copilot-infra", "copilot-migrations"],
    ),
    ("copilot-engine", &["copilot-core", "copilot-responses"]),
    (
        "copilot-tools",
        &["copilot-core", "copilot-engine", "copilot-responses"],
    ),
    (
        "copilot-executor",
        &[
            "copilot-core",
            "copilot-engine",
            "copilot-runtime",
            "copilot-tools",
        ],
    ),
    (
        "copilot-api",
        &["copilot-core", "copilot-responses", "copilot-runtime"],
    ),
    ("copilot-terminal", &[]),
    (
        "copilot",
        &[
            "copilot-api",
            "copilot-executor",
            "copilot-runtime",
            "copilot-terminal",
        ],
    ),
];

/// Crates that do I/O, and who alone may name them.
const KEEPERS: &[(&str, &[&str])] = &[
    ("sea-orm", &["copilot-infra"]),
    ("sea-orm-migration", &["copilot-migrations"]),
    // The floor of the bench is a pipeline of its own.
    ("redis", &["copilot-bench", "copilot-infra"]),
    ("poem", &["copilot-api"]),
    ("poem-openapi", &["copilot-api"]),
    (
        "reqwest",
        &[
            "copilot-api",
            "copilot-bench",
            "copilot-engine",
            "copilot-harness",
            "copilot-runtime",
            "copilot-terminal",
        ],
    ),
    ("jsonwebtoken", &["copilot-api", "copilot-harness"]),
];

/// Normal dependencies of every member of the workspace, by name.
fn dependencies() -> Vec<(String, BTreeSet<String>)> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("cargo metadata answers");
    let packages = metadata.packages.into_iter();
    let normal = packages.map(|package| {
        let of_package = package.dependencies.into_iter();
        let names = of_package.filter(|dependency| dependency.kind == DependencyKind::Normal);
        (
            package.name.to_string(),
            names.map(|dependency| dependency.name).collect(),
        )
    });
    normal.collect()
}

#[test]
fn arrows_between_our_crates_point_one_way() {
    let all = dependencies();
    for (name, allowed) in ARROWS {
        let (_, found) = all
            .iter()
            .find(|(package, _)| package == name)
            .expect("the crate is there");
        let ours: Vec<_> = found
            .iter()
            .filter(|dependency| dependency.starts_with("copilot"))
            .collect();
        for dependency in ours {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not know {dependency}"
            );
        }
    }
}

#[test]
fn only_adapters_know_what_they_adapt() {
    for (package, found) in dependencies() {
        for (kept, keepers) in KEEPERS {
            let knows = found.contains(*kept);
            assert!(
                !knows || keepers.contains(&package.as_str()),
                "{package} must not know {kept}"
            );
        }
    }
}

#[test]
fn the_vocabulary_does_no_io() {
    let all = dependencies();
    let (_, core) = all
        .iter()
        .find(|(package, _)| package == "copilot-core")
        .expect("the crate is there");
    for io in [
        "hyper",
        "poem",
        "reqwest",
        "sea-orm",
        "redis",
        "lapin",
        "object_store",
    ] {
        assert!(!core.contains(io), "copilot-core must not know {io}");
    }
}

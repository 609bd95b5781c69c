//! `doctor`: asks each part that the program needs, and says what is wrong and how to mend it.
//!
//! A [`Check`] asks one part. All of them run, side by side and each bounded in time; none changes
//! anything, and none shows a secret. What only one role needs (the model, the documentation) is
//! handed in by that role; what an adapter needs is a check of its adapter.

mod check;
mod clock;
mod database;
mod disk;
mod files;
mod finding;
mod folder;
mod http;
mod jwks;
mod listen;
mod rabbitmq;
mod redis;
mod report;
mod sandbox;
mod tracking;

pub use check::Check;
pub use finding::{Finding, Verdict};
pub use http::{HttpFault, body, client};
pub use report::{Entry, Report};

use crate::{
    one_line,
    settings::{
        AuthSettings, BackendSettings, DatabaseSettings, DatabaseUrl, JwtVerifier, Origin, Program,
        Settings, SettingsDraft, TrackingSettings,
    },
};
use std::time::Duration;

/// For one check; each bounds its own steps more closely.
const LIMIT: Duration = Duration::from_secs(15);

/// Asks all parts. `of_role` are the checks of what runs in this program.
pub async fn examine(
    draft: anyhow::Result<SettingsDraft>,
    of_role: impl FnOnce(&Settings) -> Vec<Box<dyn Check>>,
) -> Report {
    let draft = match draft {
        Ok(draft) => draft,
        Err(error) => return Report(vec![wrong_settings(&error)]),
    };
    let (first, checks) = match draft.settings() {
        Ok(settings) => {
            let mut checks = checks(&settings);
            checks.extend(of_role(&settings));
            (good_settings(&draft), checks)
        }
        // The database is asked all the same: it may be what is looked for.
        Err(error) => (
            wrong_settings(&error.into()),
            draft.database().map_or_else(
                |_| Vec::new(),
                |database| of_database(draft.program(), &database),
            ),
        ),
    };
    let asked = checks.into_iter().map(|check| async move {
        let finding = match tokio::time::timeout(LIMIT, check.run()).await {
            Ok(finding) => finding,
            Err(_) => Finding::failed(
                format!("no answer within {} s", LIMIT.as_secs()),
                "look whether that server is overloaded",
            ),
        };
        Entry {
            name: check.name(),
            finding,
        }
    });
    let mut entries = vec![first];
    entries.extend(futures::future::join_all(asked).await);
    Report(entries)
}

fn good_settings(draft: &SettingsDraft) -> Entry {
    let effective = draft.effective();
    let given = effective
        .iter()
        .filter(|setting| setting.origin != Origin::Default);
    Entry {
        name: "settings",
        finding: Finding::ok(format!(
            "{} of {} keys are set, all are right",
            given.count(),
            effective.len()
        )),
    }
}

fn wrong_settings(error: &anyhow::Error) -> Entry {
    Entry {
        name: "settings",
        finding: Finding::failed(
            one_line(error.as_ref()),
            "mend it, then run doctor again: the other parts depend on it",
        ),
    }
}

fn checks(settings: &Settings) -> Vec<Box<dyn Check>> {
    let mut checks = of_database(settings.program, &settings.database);
    if let BackendSettings::Distributed { redis, rabbitmq } = &settings.backend {
        checks.push(Box::new(redis::Redis {
            settings: redis.clone(),
            ttl: settings.stream.ttl,
        }));
        checks.push(Box::new(rabbitmq::RabbitMq {
            program: settings.program,
            settings: rabbitmq.clone(),
        }));
    }
    if settings.program != Program::Executor {
        checks.push(Box::new(listen::Listen::of(&settings.server)));
    }
    if let Some(AuthSettings::Jwt {
        verifier: JwtVerifier::Jwks(url),
        ..
    }) = &settings.auth
    {
        checks.push(Box::new(jwks::Jwks(url.clone())));
    }
    if let TrackingSettings::Webhook(url) = &settings.tracking {
        checks.push(Box::new(tracking::Tracking(url.clone())));
    }
    checks.push(Box::new(files::Files(settings.files.url.clone())));
    checks.push(Box::new(sandbox::Sandbox(settings.sandbox.clone())));
    checks
}

fn of_database(program: Program, settings: &DatabaseSettings) -> Vec<Box<dyn Check>> {
    let mut checks: Vec<Box<dyn Check>> = vec![Box::new(database::Database {
        program,
        settings: settings.clone(),
    })];
    match (&settings.url, settings.url.sqlite_file()) {
        (DatabaseUrl::Postgres(_), _) => checks.push(Box::new(clock::Clock(settings.clone()))),
        (DatabaseUrl::Sqlite(_), Some(file)) => checks.push(Box::new(disk::Disk(file))),
        (DatabaseUrl::Sqlite(_), None) => {}
    }
    checks
}

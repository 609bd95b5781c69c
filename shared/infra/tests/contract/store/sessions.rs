//! Sessions.

use super::{
    backend::Subject,
    scene::{Scene, ann, bob, moment, session_of},
};
use crate::world::id;
use copilot_core::{
    id::{SessionId, UserId},
    port::store::{Files, Page},
    session::{MessagePage, NewSession, Owner, SessionStatus},
    turn::TurnStatus,
};

const PAGE: Page = Page {
    limit: 50,
    offset: 0,
};

fn with_client_id(owner: &Owner, client_id: &str) -> NewSession {
    NewSession {
        id: id(),
        owner: owner.clone(),
        client_id: Some(client_id.to_owned()),
    }
}

pub(crate) async fn a_session_is_given_back_as_it_was_made(subject: &Subject) {
    let store = subject.port();
    let new = with_client_id(&ann(), "chat-1");
    let made = store.create_session(new.clone()).await.unwrap();
    assert_eq!(
        (made.id, made.client_id.as_deref()),
        (new.id, Some("chat-1"))
    );
    assert_eq!(made.user_id.as_ref().map(UserId::as_str), Some("ann"));
    assert_eq!(
        (made.title.clone(), made.status),
        (None, SessionStatus::Idle)
    );
    assert_eq!(made.created_at, made.updated_at);
    assert_eq!(
        store.find_session(&ann(), made.id).await.unwrap(),
        Some(made)
    );

    let anonymous = session_of(&store, &Owner::Anonymous).await;
    assert_eq!(
        store
            .find_session(&Owner::Anonymous, anonymous)
            .await
            .unwrap()
            .unwrap()
            .user_id,
        None
    );
}

pub(crate) async fn one_owner_and_client_id_have_one_session(subject: &Subject) {
    let store = subject.port();
    let made = store
        .create_session(with_client_id(&ann(), "chat"))
        .await
        .unwrap();
    assert_eq!(
        store
            .create_session(with_client_id(&ann(), "chat"))
            .await
            .unwrap(),
        made
    );
    let other = store
        .create_session(with_client_id(&bob(), "chat"))
        .await
        .unwrap();
    assert_ne!(other.id, made.id);
    let user = UserId::new("ann");
    assert_eq!(
        store.find_client_session(&user, "chat").await.unwrap(),
        Some(made)
    );
    assert_eq!(
        store.find_client_session(&user, "none").await.unwrap(),
        None
    );
}

pub(crate) async fn a_deleted_session_gives_its_client_id_up(subject: &Subject) {
    let store = subject.port();
    let old = store
        .create_session(with_client_id(&ann(), "chat"))
        .await
        .unwrap();
    store
        .delete_session(&ann(), old.id, Files::Delete)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store
            .find_client_session(&UserId::new("ann"), "chat")
            .await
            .unwrap(),
        None
    );
    let new = store
        .create_session(with_client_id(&ann(), "chat"))
        .await
        .unwrap();
    assert_ne!(new.id, old.id);
}

pub(crate) async fn sessions_are_listed_newest_first_and_only_to_their_owner(subject: &Subject) {
    let store = subject.port();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(session_of(&store, &ann()).await);
        moment().await;
    }
    session_of(&store, &bob()).await;
    session_of(&store, &Owner::Anonymous).await;
    made.reverse();

    let user = UserId::new("ann");
    let all = store.list_sessions(&user, PAGE).await.unwrap();
    assert_eq!(
        all.items
            .iter()
            .map(|session| session.id)
            .collect::<Vec<_>>(),
        made
    );
    assert_eq!(all.total, 5);
    let middle = store
        .list_sessions(
            &user,
            Page {
                limit: 2,
                offset: 1,
            },
        )
        .await
        .unwrap();
    assert_eq!(
        middle
            .items
            .iter()
            .map(|session| session.id)
            .collect::<Vec<_>>(),
        made[1..3]
    );
    assert_eq!(middle.total, 5);
    let beyond = store
        .list_sessions(
            &user,
            Page {
                limit: 2,
                offset: 9,
            },
        )
        .await
        .unwrap();
    assert_eq!((beyond.items.len(), beyond.total), (0, 5));
}

pub(crate) async fn another_owner_sees_nothing(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let turn = scene.queued().await;
    let anonymous = session_of(&scene.store, &Owner::Anonymous).await;
    for (owner, session) in [
        (bob(), scene.session),
        (Owner::Anonymous, scene.session),
        (ann(), anonymous),
        (ann(), id()),
    ] {
        let store = &scene.store;
        assert_eq!(store.find_session(&owner, session).await.unwrap(), None);
        assert!(
            store
                .snapshot(&owner, session, MessagePage::default())
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(
            store.rename_session(&owner, session, "mine").await.unwrap(),
            None
        );
        assert!(
            store
                .delete_session(&owner, session, Files::Delete)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            store
                .list_turns(&owner, session, PAGE)
                .await
                .unwrap()
                .is_none()
        );
        assert!(store.active_turn(&owner, session).await.unwrap().is_none());
    }
    assert_eq!(scene.turn(&turn).await.status, TurnStatus::Queued);
}

pub(crate) async fn an_anonymous_session_is_claimed_once_and_for_good(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let store = &scene.store;
    let (first, second) = (UserId::new("ann"), UserId::new("bob"));
    let session = session_of(store, &Owner::Anonymous).await;
    let before = store
        .find_session(&Owner::Anonymous, session)
        .await
        .unwrap()
        .unwrap();
    moment().await;

    assert_eq!(
        store.claim_session(&first, session).await.unwrap(),
        Some(())
    );
    let claimed = store.find_session(&ann(), session).await.unwrap().unwrap();
    assert_eq!(claimed.user_id, Some(first.clone()));
    assert!(claimed.updated_at > before.updated_at);
    moment().await;

    assert_eq!(
        store.claim_session(&first, session).await.unwrap(),
        Some(())
    );
    assert_eq!(store.claim_session(&second, session).await.unwrap(), None);
    assert_eq!(
        store.find_session(&ann(), session).await.unwrap(),
        Some(claimed),
        "to claim again changes nothing"
    );
    for owner in [Owner::Anonymous, bob()] {
        assert_eq!(store.find_session(&owner, session).await.unwrap(), None);
    }

    assert_eq!(store.claim_session(&first, id()).await.unwrap(), None);
    let deleted = session_of(store, &Owner::Anonymous).await;
    store
        .delete_session(&Owner::Anonymous, deleted, Files::Delete)
        .await
        .unwrap();
    assert_eq!(store.claim_session(&first, deleted).await.unwrap(), None);
}

pub(crate) async fn of_all_who_claim_at_once_one_gets_the_session(subject: &Subject) {
    let store = subject.port();
    let session = session_of(&store, &Owner::Anonymous).await;
    let users: Vec<_> = (0..8).map(|n| UserId::new(format!("user-{n}"))).collect();

    let claims = users.iter().map(|user| store.claim_session(user, session));
    let claimed = futures::future::try_join_all(claims).await.unwrap();

    let winners = users
        .iter()
        .zip(claimed)
        .filter(|(_, claim)| claim.is_some());
    let winners: Vec<_> = winners.map(|(user, _)| user.clone()).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let owner = Owner::User(winners[0].clone());
    assert!(store.find_session(&owner, session).await.unwrap().is_some());
}

pub(crate) async fn a_session_says_what_it_does(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let status = async || {
        scene
            .store
            .find_session(&ann(), scene.session)
            .await
            .unwrap()
            .unwrap()
            .status
    };
    assert_eq!(status().await, SessionStatus::Idle);
    let first = scene.queued().await;
    assert_eq!(status().await, SessionStatus::Queued);
    let first = scene.claim(first.id).await.unwrap();
    scene.queued().await;
    assert_eq!(status().await, SessionStatus::Running);
    scene.end(&first, TurnStatus::Completed).await;
    assert_eq!(status().await, SessionStatus::Queued);
    let listed = scene
        .store
        .list_sessions(&UserId::new("ann"), PAGE)
        .await
        .unwrap();
    assert_eq!(listed.items[0].status, SessionStatus::Queued);
}

pub(crate) async fn a_rename_sets_the_title_and_moves_the_session_up(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let find = async |session: SessionId| {
        scene
            .store
            .find_session(&ann(), session)
            .await
            .unwrap()
            .unwrap()
    };
    let mut before = find(scene.session).await.updated_at;
    moment().await;
    scene
        .store
        .rename_session(&ann(), scene.session, "A title")
        .await
        .unwrap()
        .unwrap();
    let renamed = find(scene.session).await;
    assert_eq!(renamed.title.as_deref(), Some("A title"));
    assert!(renamed.updated_at > before);

    // So do a message, a claim and an end.
    before = renamed.updated_at;
    moment().await;
    let turn = scene.queued().await;
    assert!(find(scene.session).await.updated_at > before);
    before = find(scene.session).await.updated_at;
    moment().await;
    let turn = scene.claim(turn.id).await.unwrap();
    assert!(find(scene.session).await.updated_at > before);
    before = find(scene.session).await.updated_at;
    moment().await;
    assert!(scene.claim(turn.id).await.is_none());
    assert_eq!(
        find(scene.session).await.updated_at,
        before,
        "a claim that failed moves nothing"
    );
    scene.end(&turn, TurnStatus::Completed).await;
    assert!(find(scene.session).await.updated_at > before);
}

pub(crate) async fn a_title_is_made_only_where_there_is_none(subject: &Subject) {
    let scene = Scene::of(subject).await;
    let store = &scene.store;
    let turn = scene.running().await;
    let groundwork = async || store.groundwork(&turn).await.unwrap().unwrap();
    let find = async || {
        store
            .find_session(&ann(), scene.session)
            .await
            .unwrap()
            .unwrap()
    };
    assert!(groundwork().await.is_untitled);
    let before = find().await.updated_at;
    moment().await;

    assert!(store.name_session(scene.session, "made").await.unwrap());
    let named = find().await;
    assert_eq!(
        (named.title.as_deref(), named.updated_at),
        (Some("made"), before)
    );
    assert!(!groundwork().await.is_untitled);
    assert!(!store.name_session(scene.session, "again").await.unwrap());
    assert_eq!(find().await.title.as_deref(), Some("made"));

    let gone = session_of(store, &ann()).await;
    store
        .delete_session(&ann(), gone, Files::Delete)
        .await
        .unwrap()
        .unwrap();
    assert!(!store.name_session(gone, "late").await.unwrap());
}

pub(crate) async fn a_probe_leaves_nothing_behind(subject: &Subject) {
    let store = subject.port();
    let (one, other) = tokio::join!(store.probe(), store.probe());
    one.unwrap();
    other.unwrap();
    for table in ["sessions", "turns", "messages", "executors"] {
        assert_eq!(subject.rows(table).await, 0);
    }
}

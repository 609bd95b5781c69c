//! What `DefaultChatTransport` of the AI SDK calls, without configuration.

use super::{
    MaybeStream, Stream,
    stream::{chosen, resumed},
};
use crate::{
    accepting::{Said, accept},
    auth::Caller,
    cursor::Cursor,
    dto::ai_sdk::{ChatBody, Trigger},
    error::ApiError,
    fields::JsonBody,
    openapi::Tag,
    sse::{Opening, open},
    state::Services,
    ui_message::{self, UiMessage},
};
use copilot_core::{
    id::{SessionId, UserId},
    message::without_nul,
    position::Position,
    session::{MessagePage, NewSession, Owner},
};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

pub(crate) struct AiSdkRoutes;

#[OpenApi(prefix_path = "/api/chat", tag = "Tag::AiSdk")]
impl AiSdkRoutes {
    /// Send a chat's new message and read the answer
    ///
    /// The chat is a session of the caller, made with its first message. Only the last message
    /// is read, and its id is its idempotency key.
    #[oai(path = "/", method = "post", operation_id = "ai_sdk_send")]
    async fn send(
        &self,
        services: Services,
        caller: Caller,
        /// The version of the `ai` package that reads: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
        body: JsonBody<ChatBody>,
    ) -> Result<Stream, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let chat = body.0;
        expect_new(&chat)?;
        let session = session_of(&services, caller.user(), chat.id).await?;
        let said = Said {
            message: chat.text,
            key: chat.last_id,
            ..Said::default()
        };
        let turn = accept(&services, caller.owner(), session, said).await?;
        let opening = Opening {
            profile,
            after: Position::ZERO,
            is_resumed: false,
        };
        Ok(Stream::Open(open(&services, &turn, opening).await?))
    }

    /// Come back to a chat's stream
    ///
    /// 204 when nothing is unfinished, also for a chat that is not known.
    #[oai(
        path = "/:chat_id/stream",
        method = "get",
        operation_id = "ai_sdk_resume"
    )]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the route")]
    async fn resume(
        &self,
        services: Services,
        caller: Caller,
        /// The chat's own id
        chat_id: Path<String>,
        /// The `id` of the last event that was received
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// The same as `Last-Event-ID`
        after: Query<Option<String>>,
        /// The version of the `ai` package that reads: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
    ) -> Result<MaybeStream, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let session = services
            .store
            .find_client_session(caller.user(), &without_nul(chat_id.0))
            .await?;
        let Some(session) = session else {
            return Ok(MaybeStream::Nothing);
        };
        let cursor = Cursor::first_of([last_event_id.0.as_deref(), after.0.as_deref()]);
        resumed(&services, caller.owner(), session.id, cursor, profile).await
    }

    /// A chat's messages, for `useChat({ messages })`
    ///
    /// UIMessages, one for each answer, as the stream has built them. The answer of an unfinished
    /// turn is left out: its stream is the only source of that. A chat that is not known has none.
    #[oai(
        path = "/:chat_id/messages",
        method = "get",
        operation_id = "ai_sdk_messages"
    )]
    async fn messages(
        &self,
        services: Services,
        caller: Caller,
        /// The chat's own id
        chat_id: Path<String>,
        /// The version of the `ai` package that reads: `v5`, `v6` or `v7`
        profile: Query<Option<String>>,
        /// The same as `profile`
        #[oai(name = "x-stream-profile")]
        profile_header: Header<Option<String>>,
    ) -> Result<Json<Vec<UiMessage>>, ApiError> {
        let profile = chosen(&services, &profile, &profile_header)?;
        let store = &services.store;
        let client_id = without_nul(chat_id.0);
        let Some(session) = store.find_client_session(caller.user(), &client_id).await? else {
            return Ok(Json(Vec::new()));
        };
        let page = MessagePage::default();
        let exchanges = store.exchanges(caller.owner(), session.id, page).await?;
        let exchanges = exchanges.map_or_else(Vec::new, |exchanges| exchanges.items);
        Ok(Json(ui_message::messages_of(exchanges, profile)))
    }
}

fn expect_new(chat: &ChatBody) -> Result<(), ApiError> {
    if chat.is_new_message() {
        return Ok(());
    }
    Err(match chat.trigger {
        Trigger::RegenerateMessage => ApiError::conflict(
            "regenerate_not_supported",
            "an answer cannot be made again yet",
        ),
        Trigger::SubmitMessage => {
            ApiError::conflict("edit_not_supported", "a message cannot be edited yet")
        }
    })
}

/// The caller's session of this name, made if need be.
async fn session_of(
    services: &Services,
    user: &UserId,
    client_id: String,
) -> Result<SessionId, ApiError> {
    if let Some(session) = services.store.find_client_session(user, &client_id).await? {
        return Ok(session.id);
    }
    let id = services.ids.next().into();
    let new = NewSession {
        id,
        owner: Owner::User(user.clone()),
        client_id: Some(client_id),
    };
    Ok(services.store.create_session(new).await?.id)
}

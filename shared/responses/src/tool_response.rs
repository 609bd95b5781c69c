//! The union of all that tools can return.

use crate::{
    AgentDetailsResponse, AgentOutputResponse, AgentPreviewResponse, AgentSavedResponse,
    AgentsFoundResponse, BlockDetailsResponse, BlockListResponse, BlockOutputResponse,
    ClarificationNeededResponse, DocPageResponse, DocSearchResultsResponse, ErrorResponse,
    ExecutionStartedResponse, InputValidationErrorResponse, MCPToolOutputResponse,
    MCPToolsDiscoveredResponse, NeedLoginResponse, NoResultsResponse, SetupRequirementsResponse,
    SuggestedGoalResponse, UnderstandingUpdatedResponse,
    response::{Response, Sent},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::borrow::Cow;

/// One line for each type makes it part of what tools return, of what goes over the wire, and
/// of what is published: none of them can lack it.
macro_rules! union_of {
    ($($variant:ident($response:ident) = $tag:literal,)*) => {
        /// What a tool returns.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "type")]
        pub enum ToolResponse {
            $(
                #[doc = concat!("`", $tag, "`.")]
                #[serde(rename = $tag)]
                $variant($response),
            )*
        }

        $(
            impl Response for $response {
                const TYPE: &'static str = $tag;
            }

            impl From<$response> for ToolResponse {
                fn from(response: $response) -> Self {
                    Self::$variant(response)
                }
            }
        )*

        impl ToolResponse {
            /// Each type: the value of its `type`, and the schema that stands for it.
            fn members(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
                vec![$(($tag, generator.subschema_for::<Sent<$response>>()),)*]
            }
        }
    };
}

union_of! {
    AgentsFound(AgentsFoundResponse) = "agents_found",
    NoResults(NoResultsResponse) = "no_results",
    AgentDetails(AgentDetailsResponse) = "agent_details",
    SetupRequirements(SetupRequirementsResponse) = "setup_requirements",
    ExecutionStarted(ExecutionStartedResponse) = "execution_started",
    NeedLogin(NeedLoginResponse) = "need_login",
    Error(ErrorResponse) = "error",
    InputValidationError(InputValidationErrorResponse) = "input_validation_error",
    AgentOutput(AgentOutputResponse) = "agent_output",
    UnderstandingUpdated(UnderstandingUpdatedResponse) = "understanding_updated",
    AgentPreview(AgentPreviewResponse) = "agent_builder_preview",
    AgentSaved(AgentSavedResponse) = "agent_builder_saved",
    ClarificationNeeded(ClarificationNeededResponse) = "agent_builder_clarification_needed",
    SuggestedGoal(SuggestedGoalResponse) = "suggested_goal",
    BlockList(BlockListResponse) = "block_list",
    BlockDetails(BlockDetailsResponse) = "block_details",
    BlockOutput(BlockOutputResponse) = "block_output",
    DocSearchResults(DocSearchResultsResponse) = "doc_search_results",
    DocPage(DocPageResponse) = "doc_page",
    MCPToolsDiscovered(MCPToolsDiscoveredResponse) = "mcp_tools_discovered",
    MCPToolOutput(MCPToolOutputResponse) = "mcp_tool_output",
}

impl JsonSchema for ToolResponse {
    fn schema_name() -> Cow<'static, str> {
        "ToolResponse".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let members = Self::members(generator);
        let mapping: serde_json::Map<_, _> = members
            .iter()
            .filter_map(|(tag, schema)| Some(((*tag).to_owned(), schema.get("$ref")?.clone())))
            .collect();
        let one_of: Vec<_> = members.into_iter().map(|(_, schema)| schema).collect();
        json_schema!({
            "description": "What a tool returns: `type` says which.",
            "oneOf": one_of,
            "discriminator": {"propertyName": "type", "mapping": mapping},
        })
    }
}

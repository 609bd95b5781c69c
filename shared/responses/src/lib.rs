//! What tools return. The same types give the model its result, the wire its `output`, and the
//! documentation its schema. Each is one object with `type`, `message` and `session_id`, and has
//! its nulls present.

mod agent_details;
mod agent_output;
mod agent_preview;
mod agent_saved;
mod agents_found;
mod block_details;
mod block_list;
mod block_output;
mod clarification_needed;
mod credentials_meta;
mod doc_page;
mod doc_search_results;
mod error;
mod execution_started;
mod input_validation_error;
mod mcp_tool_output;
mod mcp_tools_discovered;
mod need_login;
mod no_results;
mod published;
mod response;
mod setup_requirements;
mod suggested_goal;
mod tool_response;
mod understanding_updated;

pub use agent_details::{AgentDetails, AgentDetailsResponse, ExecutionOptions};
pub use agent_output::{AgentExecution, AgentOutputResponse, ExecutionSummary};
pub use agent_preview::AgentPreviewResponse;
pub use agent_saved::AgentSavedResponse;
pub use agents_found::{AgentInfo, AgentSource, AgentsFoundResponse};
pub use block_details::{BlockDetails, BlockDetailsResponse};
pub use block_list::{BlockInfo, BlockInput, BlockListResponse};
pub use block_output::BlockOutputResponse;
pub use clarification_needed::{ClarificationNeededResponse, ClarifyingQuestion};
pub use credentials_meta::{CredentialsMeta, CredentialsType};
pub use doc_page::DocPageResponse;
pub use doc_search_results::{DocSearchResult, DocSearchResultsResponse};
pub use error::ErrorResponse;
pub use execution_started::ExecutionStartedResponse;
pub use input_validation_error::InputValidationErrorResponse;
pub use mcp_tool_output::MCPToolOutputResponse;
pub use mcp_tools_discovered::{MCPToolInfo, MCPToolsDiscoveredResponse};
pub use need_login::NeedLoginResponse;
pub use no_results::NoResultsResponse;
pub use published::published;
pub use response::Response;
pub use setup_requirements::{
    SetupInfo, SetupInput, SetupRequirements, SetupRequirementsResponse, UserReadiness,
};
pub use suggested_goal::{GoalType, SuggestedGoalResponse};
pub use tool_response::ToolResponse;
pub use understanding_updated::UnderstandingUpdatedResponse;

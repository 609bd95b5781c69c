//! What is sent is what is published.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

use copilot_responses::{
    AgentDetails, AgentDetailsResponse, AgentExecution, AgentInfo, AgentOutputResponse,
    AgentPreviewResponse, AgentSavedResponse, AgentSource, AgentsFoundResponse, BlockDetails,
    BlockDetailsResponse, BlockInfo, BlockInput, BlockListResponse, BlockOutputResponse,
    ClarificationNeededResponse, ClarifyingQuestion, CredentialsMeta, CredentialsType,
    DocPageResponse, DocSearchResult, DocSearchResultsResponse, ErrorResponse, ExecutionOptions,
    ExecutionStartedResponse, ExecutionSummary, GoalType, InputValidationErrorResponse,
    MCPToolInfo, MCPToolOutputResponse, MCPToolsDiscoveredResponse, NeedLoginResponse,
    NoResultsResponse, SetupInfo, SetupInput, SetupRequirements, SetupRequirementsResponse,
    SuggestedGoalResponse, ToolResponse, UnderstandingUpdatedResponse, UserReadiness, published,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn m() -> String {
    "m".to_owned()
}

fn object() -> Map<String, Value> {
    Map::from_iter([("key".to_owned(), json!({"type": "string"}))])
}

fn outputs() -> BTreeMap<String, Vec<Value>> {
    BTreeMap::from([("out".to_owned(), vec![json!(1), Value::Null, json!("x")])])
}

fn credential() -> CredentialsMeta {
    CredentialsMeta {
        id: m(),
        title: None,
        provider: m(),
        kind: CredentialsType::OAuth2,
    }
}

fn agents() -> Vec<ToolResponse> {
    let info = AgentInfo {
        id: m(),
        name: m(),
        description: m(),
        source: AgentSource::Marketplace,
        in_library: false,
        creator: None,
        category: None,
        rating: Some(4.5),
        runs: Some(1),
        is_featured: None,
        status: None,
        can_access_graph: None,
        has_external_trigger: None,
        new_output: Some(true),
        graph_id: None,
        graph_version: Some(1),
        input_schema: Some(object()),
        output_schema: None,
        inputs: None,
    };
    vec![
        AgentsFoundResponse {
            message: m(),
            session_id: None,
            title: m(),
            agents: vec![info],
            count: 1,
            name: m(),
        }
        .into(),
        AgentDetailsResponse {
            message: m(),
            session_id: Some(m()),
            agent: AgentDetails {
                id: m(),
                name: m(),
                description: m(),
                in_library: true,
                inputs: object(),
                credentials: vec![credential()],
                execution_options: ExecutionOptions::default(),
                trigger_info: None,
            },
            user_authenticated: true,
            graph_id: None,
            graph_version: None,
        }
        .into(),
        ExecutionStartedResponse {
            message: m(),
            session_id: None,
            execution_id: m(),
            graph_id: m(),
            graph_name: m(),
            library_agent_id: None,
            library_agent_link: Some(m()),
            status: m(),
        }
        .into(),
        AgentOutputResponse {
            message: m(),
            session_id: None,
            agent_name: m(),
            agent_id: m(),
            library_agent_id: None,
            library_agent_link: None,
            execution: Some(AgentExecution {
                execution_id: m(),
                status: m(),
                started_at: None,
                ended_at: None,
                outputs: outputs(),
                inputs_summary: None,
            }),
            available_executions: Some(vec![ExecutionSummary {
                id: m(),
                status: m(),
                started_at: None,
            }]),
            total_executions: 1,
        }
        .into(),
        AgentOutputResponse {
            message: m(),
            session_id: None,
            agent_name: m(),
            agent_id: m(),
            library_agent_id: None,
            library_agent_link: None,
            execution: None,
            available_executions: None,
            total_executions: 0,
        }
        .into(),
    ]
}

fn setup() -> Vec<ToolResponse> {
    vec![
        SetupRequirementsResponse {
            message: m(),
            session_id: None,
            setup_info: SetupInfo {
                agent_id: m(),
                agent_name: m(),
                requirements: SetupRequirements {
                    credentials: vec![credential()],
                    inputs: vec![SetupInput {
                        name: m(),
                        title: m(),
                        kind: m(),
                        description: m(),
                        required: true,
                        default: Value::Null,
                    }],
                    execution_modes: vec![m()],
                },
                user_readiness: UserReadiness::default(),
            },
            graph_id: None,
            graph_version: None,
        }
        .into(),
        NeedLoginResponse {
            message: m(),
            session_id: None,
            agent_info: None,
        }
        .into(),
        ErrorResponse {
            message: m(),
            session_id: None,
            error: Some(m()),
            details: Some(object()),
        }
        .into(),
        InputValidationErrorResponse {
            message: m(),
            session_id: None,
            unrecognized_fields: vec![m()],
            inputs: object(),
            graph_id: None,
            graph_version: None,
        }
        .into(),
        UnderstandingUpdatedResponse {
            message: m(),
            session_id: None,
            updated_fields: vec![m()],
            current_understanding: object(),
        }
        .into(),
        NoResultsResponse::new(m(), None, vec![m()]).into(),
    ]
}

fn building() -> Vec<ToolResponse> {
    vec![
        AgentPreviewResponse {
            message: m(),
            session_id: None,
            agent_json: object(),
            agent_name: m(),
            description: m(),
            node_count: 2,
            link_count: 1,
        }
        .into(),
        AgentSavedResponse {
            message: m(),
            session_id: None,
            agent_id: m(),
            agent_name: m(),
            library_agent_id: m(),
            library_agent_link: m(),
            agent_page_link: m(),
        }
        .into(),
        ClarificationNeededResponse {
            message: m(),
            session_id: None,
            questions: vec![ClarifyingQuestion {
                question: m(),
                keyword: m(),
                example: None,
            }],
        }
        .into(),
        SuggestedGoalResponse {
            message: m(),
            session_id: None,
            suggested_goal: m(),
            reason: m(),
            original_goal: m(),
            goal_type: GoalType::Unachievable,
        }
        .into(),
    ]
}

fn blocks() -> Vec<ToolResponse> {
    vec![
        BlockListResponse {
            message: m(),
            session_id: None,
            blocks: vec![BlockInfo {
                id: m(),
                name: m(),
                description: m(),
                categories: vec![m()],
                input_schema: object(),
                output_schema: object(),
                static_output: false,
                required_inputs: vec![BlockInput {
                    name: m(),
                    kind: m(),
                    description: m(),
                    required: true,
                    default: json!(5),
                }],
            }],
            count: 1,
            query: m(),
            usage_hint: m(),
        }
        .into(),
        BlockDetailsResponse {
            message: m(),
            session_id: None,
            block: BlockDetails {
                id: m(),
                name: m(),
                description: m(),
                inputs: object(),
                outputs: object(),
                credentials: vec![credential()],
            },
            user_authenticated: false,
        }
        .into(),
        BlockOutputResponse {
            message: m(),
            session_id: None,
            block_id: m(),
            block_name: m(),
            outputs: outputs(),
            success: true,
        }
        .into(),
    ]
}

fn outside() -> Vec<ToolResponse> {
    vec![
        DocSearchResultsResponse {
            message: m(),
            session_id: None,
            results: vec![DocSearchResult {
                title: m(),
                path: m(),
                section: m(),
                snippet: m(),
                score: 1.5,
                doc_url: None,
            }],
            count: 1,
            query: m(),
        }
        .into(),
        DocPageResponse {
            message: m(),
            session_id: None,
            title: m(),
            path: m(),
            content: m(),
            doc_url: None,
        }
        .into(),
        MCPToolsDiscoveredResponse {
            message: m(),
            session_id: None,
            server_url: m(),
            tools: vec![MCPToolInfo {
                name: m(),
                description: m(),
                input_schema: object(),
            }],
        }
        .into(),
        MCPToolOutputResponse {
            message: m(),
            session_id: None,
            server_url: m(),
            tool_name: m(),
            result: Value::Null,
            success: false,
        }
        .into(),
    ]
}

fn examples() -> Vec<Value> {
    [agents(), setup(), building(), blocks(), outside()]
        .concat()
        .iter()
        .map(|example| serde_json::to_value(example).unwrap())
        .collect()
}

/// The same schema for a validator that has not got `nullable` of `OpenAPI` 3.0.
fn with_nulls(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut same: Map<String, Value> = fields
                .iter()
                .map(|(key, value)| (key.clone(), with_nulls(value)))
                .collect();
            if same.remove("nullable") == Some(Value::Bool(true)) {
                return json!({"anyOf": [{"type": "null"}, same]});
            }
            Value::Object(same)
        }
        Value::Array(items) => items.iter().map(with_nulls).collect(),
        plain => plain.clone(),
    }
}

fn components() -> Map<String, Value> {
    published::<ToolResponse>()
}

fn tag(component: &Value) -> &str {
    component["properties"]["type"]["enum"][0].as_str().unwrap()
}

#[test]
fn the_union_names_each_type_once_and_maps_it() {
    let components = components();
    let union = &components["ToolResponse"];
    let members: Vec<&str> = union["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["$ref"].as_str().unwrap())
        .collect();

    let mapping = union["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(union["discriminator"]["propertyName"], "type");
    assert_eq!((members.len(), mapping.len()), (21, 21));
    for reference in members {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(name.ends_with("Response"), "{name}");
        let component = &components[name];
        assert_eq!(
            component["properties"]["type"]["enum"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(mapping[tag(component)], reference);
        let required = component["required"].as_array().unwrap();
        for common in ["type", "message", "session_id"] {
            assert!(required.contains(&json!(common)), "{name}: {common}");
        }
        assert_eq!(component["properties"]["session_id"]["nullable"], true);
    }
    for name in components.keys() {
        let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(is_plain && !name.contains("Sent"), "{name}");
    }
}

#[test]
fn fields_are_required_nullable_or_defaulted_as_promised() {
    let components = components();
    let required = |name: &str| {
        let names = components[name]["required"].as_array().unwrap();
        let mut names: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(
        required("AgentsFoundResponse"),
        ["agents", "count", "message", "session_id", "type"]
    );
    assert_eq!(
        required("AgentOutputResponse"),
        [
            "agent_id",
            "agent_name",
            "available_executions",
            "execution",
            "library_agent_id",
            "library_agent_link",
            "message",
            "session_id",
            "type",
        ]
    );
    for (name, field, default) in [
        ("AgentsFoundResponse", "title", json!("Available Agents")),
        ("AgentsFoundResponse", "name", json!("agents_found")),
        ("NoResultsResponse", "suggestions", json!([])),
        ("NoResultsResponse", "name", json!("no_results")),
        ("ExecutionOptions", "manual", json!(true)),
        ("ExecutionOptions", "scheduled", json!(true)),
        ("ExecutionOptions", "webhook", json!(false)),
        ("UserReadiness", "missing_credentials", json!({})),
        ("ExecutionStartedResponse", "status", json!("QUEUED")),
        ("AgentOutputResponse", "total_executions", json!(0)),
        ("AgentPreviewResponse", "link_count", json!(0)),
        ("SuggestedGoalResponse", "reason", json!("")),
        ("SuggestedGoalResponse", "goal_type", json!("vague")),
        ("BlockInfo", "static_output", json!(false)),
        ("BlockOutputResponse", "success", json!(true)),
        ("MCPToolOutputResponse", "success", json!(true)),
    ] {
        assert_eq!(
            components[name]["properties"][field]["default"], default,
            "{name}.{field}"
        );
    }
}

#[test]
fn an_example_of_each_type_is_what_is_published() {
    let components = components();
    let root = json!({"components": {"schemas": with_nulls(&Value::Object(components.clone()))}});
    let mut shown = BTreeSet::new();
    for example in examples() {
        let kind = example["type"].as_str().unwrap();
        let (name, component) = components
            .iter()
            .find(|(name, component)| {
                name.ends_with("Response") && component["properties"]["type"]["enum"][0] == kind
            })
            .unwrap();
        let mut schema = root.clone();
        schema["$ref"] = json!(format!("#/components/schemas/{name}"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<_> = validator
            .iter_errors(&example)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:?} in {example}");
        let sent: BTreeSet<_> = example.as_object().unwrap().keys().collect();
        let told: BTreeSet<_> = component["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(sent, told, "{name}");
        let mut wrong = example.clone();
        wrong["type"] = json!("another");
        assert!(!validator.is_valid(&wrong), "{name} takes any type");
        shown.insert(kind.to_owned());
    }
    let mapping = components["ToolResponse"]["discriminator"]["mapping"]
        .as_object()
        .unwrap();
    assert_eq!(shown, mapping.keys().cloned().collect());
}

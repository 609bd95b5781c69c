//! `suggested_goal`

use schemars::JsonSchema;
use serde::Serialize;

/// The goal is vague, or cannot be built: a better one.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SuggestedGoalResponse {
    /// For the person and the model.
    pub message: String,
    /// The session.
    pub session_id: Option<String>,
    /// A goal that can be built.
    pub suggested_goal: String,
    /// Why.
    #[schemars(default)]
    pub reason: String,
    /// What was asked for.
    #[schemars(default)]
    pub original_goal: String,
    /// What is wrong with it.
    #[schemars(default)]
    pub goal_type: GoalType,
}

/// What is wrong with a goal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GoalType {
    /// It can mean many things.
    #[default]
    Vague,
    /// The blocks there are cannot do it.
    Unachievable,
}

//! The system prompt that explains a session's tools to a model.

use composio_contract::ExperimentalSettings;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::meta::{MetaTool, offered};
use crate::policy::Policy;

pub(crate) fn assistive(policy: &Policy, experimental: &ExperimentalSettings) -> String {
    let mut lines =
        vec!["You can act through tools. Each one states its arguments as a JSON Schema; keep to it.".to_owned()];
    for tool in offered(policy) {
        let line = match tool {
            MetaTool::Search => {
                "- To find a tool, call COMPOSIO_SEARCH_TOOLS with what you want to do; never guess a tool's slug."
            }
            MetaTool::Schemas => "- Where a tool was found without its schema, ask COMPOSIO_GET_TOOL_SCHEMAS for it.",
            MetaTool::MultiExecute => {
                "- Run the tools you found with COMPOSIO_MULTI_EXECUTE_TOOL; put calls that do not depend on each other \
                 into one."
            }
            MetaTool::ProxyExecute => {
                "- What no tool does, COMPOSIO_PROXY_EXECUTE may do by a request to the API of a toolkit; search for a tool \
                 first."
            }
            MetaTool::ManageConnections => {
                "- Before you run a tool of a toolkit without an active connection, call COMPOSIO_MANAGE_CONNECTIONS and give \
                 the user the link that it answers with."
            }
            MetaTool::WaitForConnections => {
                "- Once the user has the link, COMPOSIO_WAIT_FOR_CONNECTIONS waits until they have followed it."
            }
        };
        lines.push(line.to_owned());
    }
    lines.push("- A failed result says what was wrong. Mend the call; do not repeat it unchanged.".to_owned());
    let zone = experimental.assistive_prompt_config.as_ref().and_then(|config| config.user_timezone.as_deref());
    if let Some(zone) = zone
        && let Ok(known) = TimeZone::get(zone)
    {
        let today = Timestamp::now().to_zoned(known).strftime("%A, %Y-%m-%d").to_string();
        lines.push(format!("The user's time zone is {zone}; there it is {today}."));
    }
    lines.join("\n")
}

//! Lists of an MCP server's prompts and resources, before a client shows them to a model or a person.

use composio_router::text::{self, MAX_DESCRIPTION, is_hidden};
use rmcp::model::{ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult};

/// Prompts with clean texts, without those that hide something in their names.
pub(super) fn prompts(mut list: ListPromptsResult) -> ListPromptsResult {
    list.prompts.retain(|prompt| {
        let arguments = prompt.arguments.iter().flatten().map(|argument| argument.name.as_str());
        [prompt.name.as_str()].into_iter().chain(arguments).all(is_plain)
    });
    for prompt in &mut list.prompts {
        texts(&mut prompt.title, &mut prompt.description);
        for argument in prompt.arguments.iter_mut().flatten() {
            texts(&mut argument.title, &mut argument.description);
        }
    }
    list
}

/// Resources with clean texts, without those that hide something in their names and URIs.
pub(super) fn resources(mut list: ListResourcesResult) -> ListResourcesResult {
    list.resources.retain(|resource| is_plain(&resource.name) && is_plain(&resource.uri));
    list.resources.iter_mut().for_each(|resource| texts(&mut resource.title, &mut resource.description));
    list
}

/// The same for their templates.
pub(super) fn templates(mut list: ListResourceTemplatesResult) -> ListResourceTemplatesResult {
    list.resource_templates.retain(|template| is_plain(&template.name) && is_plain(&template.uri_template));
    list.resource_templates.iter_mut().for_each(|template| texts(&mut template.title, &mut template.description));
    list
}

fn is_plain(name: &str) -> bool {
    !name.contains(|c: char| is_hidden(c) || c.is_control())
}

fn texts(title: &mut Option<String>, description: &mut Option<String>) {
    if let Some(title) = title {
        *title = text::name(title);
    }
    if let Some(description) = description {
        *description = text::prose(description, MAX_DESCRIPTION);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HIDDEN: &str = "a\u{1b}[2J\u{202e}\u{e0041}b";

    fn entries(key: &str, place: &str) -> Value {
        let entry = |name: &str, uri: &str| json!({"name": name, "title": HIDDEN, "description": HIDDEN, place: uri});
        json!({ key: [entry("one", "x:y"), entry("t\u{200b}wo", "x:y"), entry("three", "x:\u{202e}y")] })
    }

    #[test]
    fn texts_are_cleaned_and_names_that_hide_something_leave_theirs_out() {
        let list = resources(serde_json::from_value(entries("resources", "uri")).unwrap());
        assert_eq!(list.resources.len(), 1);
        assert_eq!(list.resources[0].description.as_deref(), Some("a[2Jb"));
        let list = templates(serde_json::from_value(entries("resourceTemplates", "uriTemplate")).unwrap());
        assert_eq!((list.resource_templates.len(), list.resource_templates[0].title.as_deref()), (1, Some("a[2Jb")));
        let mut given = entries("prompts", "icon");
        given["prompts"][0]["description"] = "x".repeat(3 << 20).into();
        given["prompts"][0]["arguments"] = json!([{"name": "p", "description": HIDDEN}]);
        given["prompts"][2]["arguments"] = json!([{"name": "q\u{e0041}"}]);
        given["prompts"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|one| drop(one.as_object_mut().unwrap().remove("icon")));
        let list = prompts(serde_json::from_value(given).unwrap());
        assert_eq!(list.prompts.len(), 1);
        assert_eq!(list.prompts[0].description.as_ref().unwrap().chars().count(), MAX_DESCRIPTION);
        assert_eq!(list.prompts[0].arguments.as_ref().unwrap()[0].description.as_deref(), Some("a[2Jb"));
    }
}

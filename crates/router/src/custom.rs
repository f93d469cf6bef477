//! Custom tools: their code runs in the caller's process; here they are named, bound to a session and found by search.

use std::collections::HashMap;

use composio_contract::{
    CustomTool, CustomToolkit, CustomTools, Error, RawJson, Result, check_custom_slug, check_slug_characters,
    final_custom_slug,
};

/// The error of a run that should not have come here.
pub(crate) fn runs_elsewhere(slug: &str) -> Error {
    Error::validation(format!("`{slug}` is a custom tool: its code lies in the program that made the session, not in the router"))
        .with_suggested_fix(
            "run it through the session object that was created or attached with the tool; a model does so by its final slug",
        )
}

/// Reads the `experimental` field of attach, search and execute requests.
pub(crate) fn from_request(experimental: Option<&RawJson>) -> Result<CustomTools> {
    experimental.map_or_else(|| Ok(CustomTools::default()), |raw| raw.decode("experimental"))
}

/// Checks custom tools and gives them their final slugs.
///
/// # Errors
/// [`composio_contract::ErrorKind::Validation`] where a slug is not allowed, or two tools come to the same one.
pub(crate) fn bind(tools: CustomTools) -> Result<CustomTools> {
    let mut taken: HashMap<String, String> = HashMap::new();
    let mut name = |mut tool: CustomTool, toolkit: Option<&str>| -> Result<CustomTool> {
        check_custom_slug("custom tool", &tool.slug)?;
        check_texts(&tool.slug, &tool.name, &tool.description, 5_120)?;
        if let Some(toolkit) = &tool.extends_toolkit {
            check_slug_characters("extends_toolkit", toolkit)?;
        }
        if !tool.input_schema.is_object() || tool.input_schema.get("type").is_some_and(|kind| kind != "object") {
            return Err(Error::validation(format!(
                "custom tool `{}`: `input_schema` must be of type object",
                tool.slug
            )));
        }
        if tool.output_schema.as_ref().is_some_and(|schema| !schema.is_object()) {
            return Err(Error::validation(format!("custom tool `{}`: `output_schema` must be an object", tool.slug)));
        }
        let slug = final_custom_slug(&tool.slug, toolkit.or(tool.extends_toolkit.as_deref()))?;
        if let Some(other) = taken.insert(slug.clone(), tool.slug.clone()) {
            return Err(Error::validation(format!(
                "the custom tools `{other}` and `{}` both come to the slug `{slug}`; rename one of them",
                tool.slug
            )));
        }
        tool.original_slug = Some(std::mem::replace(&mut tool.slug, slug));
        Ok(tool)
    };
    let custom_tools = tools.custom_tools.into_iter().map(|tool| name(tool, None)).collect::<Result<_>>()?;
    let mut custom_toolkits: Vec<CustomToolkit> = Vec::new();
    for mut toolkit in tools.custom_toolkits {
        check_custom_slug("custom toolkit", &toolkit.slug)?;
        check_texts(&toolkit.slug, &toolkit.name, &toolkit.description, 2_048)?;
        if custom_toolkits.iter().any(|other| other.slug.eq_ignore_ascii_case(&toolkit.slug)) {
            return Err(Error::validation(format!("two custom toolkits have the slug `{}`; rename one", toolkit.slug)));
        }
        toolkit.tools = toolkit.tools.into_iter().map(|tool| name(tool, Some(&toolkit.slug))).collect::<Result<_>>()?;
        custom_toolkits.push(toolkit);
    }
    Ok(CustomTools { custom_tools, custom_toolkits })
}

/// Every bound tool, with the slug of its toolkit; empty where it stands alone.
pub(crate) fn each(tools: &CustomTools) -> impl Iterator<Item = (&CustomTool, &str)> {
    let alone = tools.custom_tools.iter().map(|tool| (tool, tool.extends_toolkit.as_deref().unwrap_or_default()));
    let grouped = tools.custom_toolkits.iter();
    alone.chain(grouped.flat_map(|toolkit| toolkit.tools.iter().map(|tool| (tool, toolkit.slug.as_str()))))
}

/// Whether a slug, final or as the caller wrote it, is one of these tools.
pub(crate) fn has(tools: &CustomTools, slug: &str) -> bool {
    each(tools).any(|(tool, _)| {
        tool.slug.eq_ignore_ascii_case(slug)
            || tool.original_slug.as_ref().is_some_and(|original| original.eq_ignore_ascii_case(slug))
    })
}

fn check_texts(slug: &str, name: &str, description: &str, limit: usize) -> Result<()> {
    for (field, text, limit) in [("name", name, 128), ("description", description, limit)] {
        let length = text.chars().count();
        if length == 0 || length > limit {
            return Err(Error::validation(format!(
                "`{slug}`: `{field}` must have 1 to {limit} characters, not {length}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tool(slug: &str) -> Value {
        json!({"slug": slug, "name": "n", "description": "d", "input_schema": {"type": "object"}})
    }

    fn slugs(tools: Value) -> Result<Vec<String>> {
        let bound = bind(serde_json::from_value(tools).unwrap())?;
        Ok(each(&bound).map(|(tool, _)| tool.slug.clone()).collect())
    }

    #[test]
    fn final_slugs_carry_the_toolkit() {
        let mut extending = tool("triage");
        extending["extends_toolkit"] = "gmail".into();
        let tools = json!({
            "custom_tools": [tool("add"), extending],
            "custom_toolkits": [{"slug": "crm", "name": "CRM", "description": "d", "tools": [tool("find-lead")]}],
        });
        assert_eq!(slugs(tools).unwrap(), ["LOCAL_ADD", "LOCAL_GMAIL_TRIAGE", "LOCAL_CRM_FIND-LEAD"]);
    }

    #[test]
    fn slugs_that_are_not_allowed_are_told() {
        for (slug, message) in [
            ("a b", "letters, digits, _ and -"),
            ("", "letters, digits, _ and -"),
            ("local_a", "slugs that start with LOCAL_ are reserved"),
            ("Composio_a", "slugs that start with COMPOSIO_ are reserved"),
            (&"x".repeat(55), "has 61 characters, more than 60"),
        ] {
            let error = slugs(json!({"custom_tools": [tool(slug)]})).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(slugs(json!({"custom_tools": [tool(&"x".repeat(54))]})).is_ok());
        let twice = slugs(json!({"custom_tools": [tool("Add"), tool("add")]})).unwrap_err().to_string();
        assert!(twice.contains("`Add` and `add` both come to the slug `LOCAL_ADD`"), "{twice}");
    }
}

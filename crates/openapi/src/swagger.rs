//! Swagger 2.0 as OpenAPI 3.0.

use serde_json::{Map, Value, json};

use crate::Refused;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The same API in OpenAPI 3.0.
pub(crate) fn convert(document: Value) -> Result<Value, Refused> {
    let Value::Object(mut from) = document else { return Err(Refused::new("it is no object")) };
    let consumes = strings(from.get("consumes"));
    let produces = strings(from.get("produces"));
    let defaults = Defaults { consumes, produces };
    let mut to = Map::new();
    to.insert("openapi".to_owned(), json!("3.0.3"));
    for name in ["info", "tags", "security", "externalDocs"] {
        if let Some(value) = from.remove(name) {
            to.insert(name.to_owned(), value);
        }
    }
    to.insert("servers".to_owned(), servers(&from));
    let mut shared = Map::new();
    let mut bodies = Map::new();
    let globals = object(from.remove("parameters"));
    let context = Context { globals: &globals, defaults: &defaults };
    for (name, parameter) in &globals {
        match parameter.get("in").and_then(Value::as_str) {
            Some("body") => {
                bodies.insert(name.clone(), body_of(parameter, &defaults.consumes));
            }
            Some("formData") => {}
            _ => {
                shared.insert(name.clone(), parameter_of(parameter));
            }
        }
    }
    let responses: Map<String, Value> = object(from.remove("responses"))
        .into_iter()
        .map(|(name, response)| (name, response_of(response, &defaults.produces)))
        .collect();
    let schemes: Map<String, Value> = object(from.remove("securityDefinitions"))
        .into_iter()
        .map(|(name, scheme)| (name, security_of(scheme)))
        .collect();
    let paths: Map<String, Value> =
        object(from.remove("paths")).into_iter().map(|(path, item)| (path, path_item(item, &context))).collect();
    to.insert("paths".to_owned(), Value::Object(paths));
    to.insert(
        "components".to_owned(),
        json!({
            "schemas": object(from.remove("definitions")),
            "parameters": shared,
            "requestBodies": bodies,
            "responses": responses,
            "securitySchemes": schemes,
        }),
    );
    let mut to = Value::Object(to);
    rename_references(&mut to);
    Ok(to)
}

struct Defaults {
    consumes: Vec<String>,
    produces: Vec<String>,
}

struct Context<'a> {
    globals: &'a Map<String, Value>,
    defaults: &'a Defaults,
}

impl Context<'_> {
    /// The parameter itself, if it is one of those that all paths share and goes into a body.
    fn parameter(&self, parameter: &Value) -> Value {
        let name = parameter.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/parameters/"));
        match name.and_then(|name| self.globals.get(name)) {
            Some(global) if is_body(global) => global.clone(),
            _ => parameter.clone(),
        }
    }
}

fn is_body(parameter: &Value) -> bool {
    matches!(parameter.get("in").and_then(Value::as_str), Some("body" | "formData"))
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(value)) => value,
        _ => Map::new(),
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn servers(from: &Map<String, Value>) -> Value {
    let base = from.get("basePath").and_then(Value::as_str).unwrap_or("/");
    let Some(host) = from.get("host").and_then(Value::as_str) else { return json!([{"url": base}]) };
    let mut schemes = strings(from.get("schemes"));
    schemes.retain(|scheme| scheme == "https" || scheme == "http");
    // The safe one first.
    schemes.sort_by_key(|scheme| scheme != "https");
    if schemes.is_empty() {
        schemes.push("https".to_owned());
    }
    let base = base.trim_end_matches('/');
    let slash = if base.is_empty() || base.starts_with('/') { "" } else { "/" };
    schemes.iter().map(|scheme| json!({"url": format!("{scheme}://{host}{slash}{base}")})).collect()
}

fn path_item(item: Value, context: &Context<'_>) -> Value {
    let Value::Object(mut item) = item else { return item };
    let shared: Vec<Value> = match item.remove("parameters") {
        Some(Value::Array(shared)) => shared.iter().map(|parameter| context.parameter(parameter)).collect(),
        _ => Vec::new(),
    };
    let (bodies, plain): (Vec<Value>, Vec<Value>) = shared.into_iter().partition(is_body);
    for method in METHODS {
        if let Some(operation) = item.remove(method) {
            item.insert(method.to_owned(), operation_of(operation, &bodies, context));
        }
    }
    if !plain.is_empty() {
        item.insert("parameters".to_owned(), plain.iter().map(parameter_of).collect());
    }
    Value::Object(item)
}

fn operation_of(operation: Value, shared_bodies: &[Value], context: &Context<'_>) -> Value {
    let Value::Object(mut operation) = operation else { return operation };
    let or = |own: Option<Value>, default: &[String]| {
        let own = strings(own.as_ref());
        if own.is_empty() { default.to_vec() } else { own }
    };
    let consumes = or(operation.remove("consumes"), &context.defaults.consumes);
    let produces = or(operation.remove("produces"), &context.defaults.produces);
    operation.remove("schemes");
    let own: Vec<Value> = match operation.remove("parameters") {
        Some(Value::Array(own)) => own.iter().map(|parameter| context.parameter(parameter)).collect(),
        _ => Vec::new(),
    };
    let (bodies, plain): (Vec<Value>, Vec<Value>) = own.into_iter().partition(is_body);
    if !plain.is_empty() {
        operation.insert("parameters".to_owned(), plain.iter().map(parameter_of).collect());
    }
    let bodies: Vec<&Value> = if bodies.is_empty() { shared_bodies.iter().collect() } else { bodies.iter().collect() };
    let whole = bodies.iter().find(|body| body.get("in").and_then(Value::as_str) == Some("body"));
    if let Some(whole) = whole {
        operation.insert("requestBody".to_owned(), body_of(whole, &consumes));
    } else if !bodies.is_empty() {
        operation.insert("requestBody".to_owned(), form_of(&bodies, &consumes));
    }
    let responses: Map<String, Value> = object(operation.remove("responses"))
        .into_iter()
        .map(|(status, response)| (status, response_of(response, &produces)))
        .collect();
    operation.insert("responses".to_owned(), Value::Object(responses));
    Value::Object(operation)
}

/// A parameter's own keywords are those of its schema.
fn schema_of(parameter: &Map<String, Value>) -> Value {
    const NOT_SCHEMA: [&str; 8] =
        ["name", "in", "required", "description", "collectionFormat", "allowEmptyValue", "schema", "deprecated"];
    let schema: Map<String, Value> = parameter
        .iter()
        .filter(|(name, _)| !NOT_SCHEMA.contains(&name.as_str()) && !name.starts_with("x-example"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(schema)
}

fn parameter_of(parameter: &Value) -> Value {
    let Value::Object(from) = parameter else { return parameter.clone() };
    if from.contains_key("$ref") {
        return parameter.clone();
    }
    let mut to = Map::new();
    for name in ["name", "in", "required", "description", "deprecated"] {
        if let Some(value) = from.get(name) {
            to.insert(name.to_owned(), value.clone());
        }
    }
    let schema = from.get("schema").cloned().unwrap_or_else(|| schema_of(from));
    let is_list = schema.get("type").and_then(Value::as_str) == Some("array");
    to.insert("schema".to_owned(), schema);
    let place = from.get("in").and_then(Value::as_str);
    if is_list && place == Some("query") {
        let (style, explode) = list_style(from.get("collectionFormat").and_then(Value::as_str));
        to.insert("style".to_owned(), json!(style));
        to.insert("explode".to_owned(), json!(explode));
    }
    Value::Object(to)
}

fn list_style(format: Option<&str>) -> (&'static str, bool) {
    match format {
        Some("multi") => ("form", true),
        Some("ssv") => ("spaceDelimited", false),
        Some("tsv") => ("x-tabDelimited", false),
        Some("pipes") => ("pipeDelimited", false),
        _ => ("form", false),
    }
}

fn body_of(parameter: &Value, consumes: &[String]) -> Value {
    let schema = parameter.get("schema").cloned().unwrap_or_else(|| json!({}));
    let kinds = if consumes.is_empty() { vec!["application/json".to_owned()] } else { consumes.to_vec() };
    let content: Map<String, Value> = kinds.into_iter().map(|kind| (kind, json!({"schema": schema}))).collect();
    let mut body = json!({"content": content, "required": parameter.get("required").unwrap_or(&Value::Bool(false))});
    if let (Some(description), Some(body)) = (parameter.get("description"), body.as_object_mut()) {
        body.insert("description".to_owned(), description.clone());
    }
    body
}

fn form_of(fields: &[&Value], consumes: &[String]) -> Value {
    let (mut properties, mut required, mut encoding) = (Map::new(), Vec::new(), Map::new());
    let mut has_file = false;
    for field in fields.iter().filter_map(|field| field.as_object()) {
        let Some(name) = field.get("name").and_then(Value::as_str) else { continue };
        let mut schema = schema_of(field);
        if let (Some(description), Some(schema)) = (field.get("description"), schema.as_object_mut()) {
            schema.insert("description".to_owned(), description.clone());
        }
        has_file |= field.get("type").and_then(Value::as_str) == Some("file");
        if field.get("type").and_then(Value::as_str) == Some("array") {
            let (style, explode) = list_style(field.get("collectionFormat").and_then(Value::as_str));
            encoding.insert(name.to_owned(), json!({"style": style, "explode": explode}));
        }
        if field.get("required").and_then(Value::as_bool) == Some(true) {
            required.push(name.to_owned());
        }
        properties.insert(name.to_owned(), schema);
    }
    const MULTIPART: &str = "multipart/form-data";
    let kind = if has_file
        || (consumes.iter().any(|kind| kind == MULTIPART) && !consumes.iter().any(|kind| kind.contains("urlencoded")))
    {
        MULTIPART
    } else {
        "application/x-www-form-urlencoded"
    };
    let is_required = !required.is_empty();
    let mut schema = json!({"type": "object", "properties": properties});
    if let (true, Some(schema)) = (is_required, schema.as_object_mut()) {
        schema.insert("required".to_owned(), json!(required));
    }
    json!({"content": {kind: {"schema": schema, "encoding": encoding}}, "required": is_required})
}

fn response_of(response: Value, produces: &[String]) -> Value {
    let Value::Object(mut response) = response else { return response };
    if response.contains_key("$ref") {
        return Value::Object(response);
    }
    let schema = response.remove("schema");
    let examples = response.remove("examples");
    if schema.is_some() || examples.is_some() {
        let schema = schema.unwrap_or_else(|| json!({}));
        let kinds = if produces.is_empty() { vec!["application/json".to_owned()] } else { produces.to_vec() };
        let content: Map<String, Value> = kinds.into_iter().map(|kind| (kind, json!({"schema": schema}))).collect();
        response.insert("content".to_owned(), Value::Object(content));
    }
    Value::Object(response)
}

fn security_of(scheme: Value) -> Value {
    let Value::Object(mut scheme) = scheme else { return scheme };
    match scheme.get("type").and_then(Value::as_str) {
        Some("basic") => {
            scheme.insert("type".to_owned(), json!("http"));
            scheme.insert("scheme".to_owned(), json!("basic"));
        }
        Some("oauth2") => {
            let flow = match scheme.remove("flow").as_ref().and_then(Value::as_str) {
                Some("accessCode") => "authorizationCode",
                Some("application") => "clientCredentials",
                Some("password") => "password",
                _ => "implicit",
            };
            let mut details = Map::new();
            for name in ["authorizationUrl", "tokenUrl", "scopes"] {
                if let Some(value) = scheme.remove(name) {
                    details.insert(name.to_owned(), value);
                }
            }
            scheme.insert("flows".to_owned(), json!({flow: details}));
        }
        _ => {}
    }
    Value::Object(scheme)
}

/// Puts every reference where its target now lies.
fn rename_references(value: &mut Value) {
    const MOVED: [(&str, &str); 4] = [
        ("#/definitions/", "#/components/schemas/"),
        ("#/parameters/", "#/components/parameters/"),
        ("#/responses/", "#/components/responses/"),
        ("#/securityDefinitions/", "#/components/securitySchemes/"),
    ];
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some((from, to)) = MOVED.into_iter().find(|(from, _)| reference.starts_with(from))
            {
                reference.replace_range(..from.len(), to);
            }
            members.values_mut().for_each(rename_references);
        }
        Value::Array(items) => items.iter_mut().for_each(rename_references),
        _ => {}
    }
}

//! What a user is asked before a tool runs, such that no text of others can pass for the question itself.

use composio_contract::RawJson;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::policy::Ask;
use crate::text;

/// How much of the arguments a question shows, in characters.
const SHOWN: usize = 1_000;
/// How much of a name, in characters.
const NAME: usize = 80;

/// A run that may need the user's word.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The key of the question and its answer.
    pub(crate) key: String,
    /// The slug of the tool.
    pub(crate) slug: &'a str,
    /// The toolkit that the tool is of.
    pub(crate) toolkit: &'a str,
    /// What its source calls it, for people.
    pub(crate) title: &'a str,
    pub(crate) account: Option<AskedAccount>,
    pub(crate) arguments: &'a Map<String, Value>,
    pub(crate) ask: Ask,
    /// A hash of what exactly runs: the tool, its definition, the account. An answer is for this alone.
    pub(crate) identity: [u8; 32],
}

/// The account that signs a call, as a user knows it.
#[derive(Clone, Debug)]
pub(crate) struct AskedAccount {
    pub(crate) id: String,
    pub(crate) alias: Option<String>,
    /// Whose account it is, as far as its provider tells.
    pub(crate) owner: Option<String>,
}

impl AskedAccount {
    /// What tells it from others. An account keeps its id when somebody else connects it anew.
    pub(crate) fn identity(&self) -> [&[u8]; 2] {
        [self.id.as_bytes(), self.owner.as_deref().unwrap_or_default().as_bytes()]
    }

    fn text(&self) -> String {
        let alias = self.alias.as_deref().map(|alias| format!("\"{}\" ", name(alias))).unwrap_or_default();
        let owner = self.owner.as_deref().map(|owner| format!(" of \"{}\"", name(owner))).unwrap_or_default();
        format!("{alias}({}){owner}", self.id)
    }
}

impl Question<'_> {
    /// The question as the contract has it: a text and a form, and the facts by themselves for clients that show their own.
    pub(crate) fn elicitation(&self) -> Value {
        let arguments = serde_json::to_string(self.arguments).unwrap_or_default();
        let hash = HEXLOWER.encode(&Sha256::digest(&arguments));
        let visible = escaped(&arguments);
        let more = visible.chars().count().saturating_sub(SHOWN);
        let (shown, rest) = if more == 0 {
            (visible, String::new())
        } else {
            let shown: String = visible.chars().take(SHOWN).collect();
            (shown, format!("… and {more} more characters; {} bytes in all, SHA-256 {hash}", arguments.len()))
        };
        let account = self.account.as_ref().map(|account| format!(" as the account {}", account.text()));
        let once = if self.ask == Ask::OncePerSession { " You will not be asked again in this session." } else { "" };
        let message = format!(
            "Allow {} (\"{}\", toolkit {}) to run{} with {shown}{rest}?{once}",
            self.slug,
            name(self.title),
            self.toolkit,
            account.unwrap_or_default(),
        );
        json!({
            "type": "elicitation",
            "mode": "form",
            "message": message,
            "requested_schema": {
                "type": "object",
                "properties": {"decision": {"type": "string", "title": "Decision", "enum": ["approve", "deny"]}},
                "required": ["decision"],
            },
            "call": {
                "tool": {"slug": self.slug, "title": name(self.title), "toolkit": self.toolkit},
                "account": self.account.as_ref().map(|account| json!({
                    "id": account.id,
                    "alias": account.alias.as_deref().map(name),
                    "owner": account.owner.as_deref().map(name),
                })),
                "arguments": {
                    "size": arguments.len(),
                    "sha256": hash,
                    "text": shown,
                    "more_characters": more,
                },
            },
        })
    }
}

/// The questions by their keys.
pub(crate) fn requests(questions: &[Question<'_>]) -> RawJson {
    let requests: Map<String, Value> =
        questions.iter().map(|question| (question.key.clone(), question.elicitation())).collect();
    RawJson::from(Value::Object(requests))
}

/// Whether a character changes how others look, or is not seen; line breaks too.
fn is_hidden(c: char) -> bool {
    c.is_control() || text::is_hidden(c)
}

/// A name that others gave, in one short line and without quotes: what stands between quotes in a question is all of it.
fn name(text: &str) -> String {
    let visible =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).map(|c| match c {
            '"' | '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{2036}' | '\u{301d}'..='\u{301f}' | '\u{ff02}' => '\'',
            c => c,
        });
    let visible: String = visible.collect();
    let mut name: String = visible.trim().chars().take(NAME).collect();
    if visible.trim().chars().nth(NAME).is_some() {
        name.push('…');
    }
    name
}

/// JSON in which every character can be seen.
fn escaped(json: &str) -> String {
    if !json.contains(is_hidden) {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question<'a>(title: &'a str, arguments: &'a Map<String, Value>) -> Question<'a> {
        Question {
            key: "approval".to_owned(),
            slug: "H_T",
            toolkit: "h",
            title,
            account: Some(AskedAccount {
                id: "ca_1".to_owned(),
                alias: Some("work\n\"".to_owned()),
                owner: Some("ada@example.com\u{202e}".to_owned()),
            }),
            arguments,
            ask: Ask::EveryCall,
            identity: [0; 32],
        }
    }

    fn message(title: &str, arguments: Value) -> String {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        question(title, &arguments).elicitation()["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_title_cannot_pass_for_the_question() {
        let hostile = "Read\u{202e} the time) to run with {}?\n\nAllow TIME_NOW (\"harmless\"\u{e0041}\u{200b}";
        assert_eq!(
            message(hostile, json!({})),
            "Allow H_T (\"Read the time) to run with {}?  Allow TIME_NOW ('harmless'\", toolkit h) to run as the account \
             \"work '\" (ca_1) of \"ada@example.com\" with {}?",
        );
        let long = message(&"x".repeat(10_000), json!({}));
        assert!(long.chars().count() < 300, "{long}");
    }

    #[test]
    fn arguments_are_seen_whole_or_the_rest_is_counted() {
        let text = message("T", json!({"a": "line\nnext\u{202e}\u{e0041}\u{85}"}));
        assert!(text.contains(r#"with {"a":"line\nnext\u202e\udb40\udc41\u0085"}?"#), "{text}");
        let long = message("T", json!({"a": "x".repeat(2_000)}));
        let tail = format!("{}… and 1008 more characters; 2008 bytes in all, SHA-256 ", "x".repeat(10));
        assert!(long.contains(&tail), "{long}");
        let Value::Object(arguments) = json!({"a": "x".repeat(2_000)}) else { panic!("no object") };
        let call = &question("T", &arguments).elicitation()["call"];
        assert_eq!((&call["arguments"]["size"], &call["arguments"]["more_characters"]), (&json!(2008), &json!(1008)));
        assert_eq!(call["arguments"]["text"].as_str().unwrap().chars().count(), SHOWN);
        assert_eq!(call["account"]["alias"], "work '");
        assert!(long.contains(call["arguments"]["sha256"].as_str().unwrap()));
    }
}

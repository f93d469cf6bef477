//! How values stand in a URL, a header or a form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::parameter::Style;

/// All but what a URL never needs to escape.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What has a meaning in a URL stays, too, except what would end the query or the path.
const RESERVED: &AsciiSet = &VALUE
    .remove(b':')
    .remove(b'/')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// A text for a URL.
pub(crate) fn escape(text: &str, reserved: bool) -> String {
    utf8_percent_encode(text, if reserved { RESERVED } else { VALUE }).to_string()
}

/// A scalar as text; lists and objects as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The items of a list, the members of an object, or the value itself.
enum Shape<'a> {
    One(String),
    List(Vec<String>),
    Object(Vec<(&'a str, &'a Value)>),
}

fn shape(value: &Value) -> Shape<'_> {
    match value {
        Value::Array(items) => Shape::List(items.iter().map(text).collect()),
        Value::Object(members) => Shape::Object(members.iter().map(|(name, value)| (name.as_str(), value)).collect()),
        one => Shape::One(text(one)),
    }
}

/// A value in a path or a header: `simple`, `label` or `matrix`.
pub(crate) fn in_place(
    name: &str,
    value: &Value,
    style: Style,
    explode: bool,
    escape: &dyn Fn(&str) -> String,
) -> String {
    if style == Style::Json {
        return escape(&value.to_string());
    }
    let pair = |(key, value): &(&str, &Value), join: &str| format!("{}{join}{}", escape(key), escape(&text(value)));
    let shape = shape(value);
    let (start, separator) = match style {
        Style::Label => (".", "."),
        Style::Matrix => (";", ";"),
        _ => ("", ","),
    };
    match shape {
        Shape::One(text) if style == Style::Matrix => format!(";{}={}", escape(name), escape(&text)),
        Shape::One(text) => format!("{start}{}", escape(&text)),
        Shape::List(items) => {
            let items: Vec<String> = items.iter().map(|item| escape(item)).collect();
            match (style, explode) {
                (Style::Matrix, true) => items.iter().map(|item| format!(";{}={item}", escape(name))).collect(),
                (Style::Matrix, false) => format!(";{}={}", escape(name), items.join(",")),
                (Style::Label, false) => format!(".{}", items.join(",")),
                _ => format!("{start}{}", items.join(separator)),
            }
        }
        Shape::Object(members) => {
            let joined = |between: &str, join: &str| {
                members.iter().map(|member| pair(member, join)).collect::<Vec<_>>().join(between)
            };
            match (style, explode) {
                (_, true) => format!("{start}{}", joined(separator, "=")),
                (Style::Matrix, false) => format!(";{}={}", escape(name), joined(",", ",")),
                (_, false) => format!("{start}{}", joined(",", ",")),
            }
        }
    }
}

/// A value in a query, a form or a cookie: names and values, the values escaped as they stand there.
pub(crate) fn pairs(name: &str, value: &Value, style: Style, explode: bool, reserved: bool) -> Vec<(String, String)> {
    let value_text = |text: &str| escape(text, reserved);
    let one = |value: String| vec![(escape(name, false), value)];
    let delimiter = match style {
        Style::SpaceDelimited => "%20",
        Style::TabDelimited => "%09",
        Style::PipeDelimited => "|",
        _ => ",",
    };
    if style == Style::Json {
        return one(value_text(&value.to_string()));
    }
    if style == Style::DeepObject && (value.is_object() || value.is_array()) {
        let mut found = Vec::new();
        deep(name, value, reserved, &mut found);
        return found;
    }
    match shape(value) {
        Shape::One(text) => one(value_text(&text)),
        Shape::List(items) => {
            let items: Vec<String> = items.iter().map(|item| value_text(item)).collect();
            if explode {
                return items.into_iter().map(|item| (escape(name, false), item)).collect();
            }
            one(items.join(delimiter))
        }
        Shape::Object(members) => {
            let members = members.into_iter().map(|(key, value)| (escape(key, false), value_text(&text(value))));
            if explode {
                return members.collect();
            }
            one(members.map(|(key, value)| format!("{key}{delimiter}{value}")).collect::<Vec<_>>().join(delimiter))
        }
    }
}

/// `a[b][0]=c`, as deep as the value goes.
fn deep(name: &str, value: &Value, reserved: bool, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| deep(&format!("{name}[{key}]"), value, reserved, found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| deep(&format!("{name}[{at}]"), value, reserved, found));
        }
        one => found.push((escape(name, false), escape(&text(one), reserved))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_style_writes_what_the_specification_shows() {
        let none = json!("");
        let text = json!("blue");
        let list = json!(["blue", "black", "brown"]);
        let object = json!({"R": 100, "G": 200, "B": 150});
        let path =
            |value: &Value, style, explode| in_place("color", value, style, explode, &|text| escape(text, false));
        let query = |value: &Value, style, explode| {
            let pairs = pairs("color", value, style, explode, false);
            pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        for (style, explode, value, expected) in [
            (Style::Simple, false, &text, "blue"),
            (Style::Simple, false, &list, "blue,black,brown"),
            (Style::Simple, false, &object, "R,100,G,200,B,150"),
            (Style::Simple, true, &list, "blue,black,brown"),
            (Style::Simple, true, &object, "R=100,G=200,B=150"),
            (Style::Label, false, &none, "."),
            (Style::Label, false, &text, ".blue"),
            (Style::Label, false, &list, ".blue,black,brown"),
            (Style::Label, false, &object, ".R,100,G,200,B,150"),
            (Style::Label, true, &list, ".blue.black.brown"),
            (Style::Label, true, &object, ".R=100.G=200.B=150"),
            (Style::Matrix, false, &text, ";color=blue"),
            (Style::Matrix, false, &list, ";color=blue,black,brown"),
            (Style::Matrix, false, &object, ";color=R,100,G,200,B,150"),
            (Style::Matrix, true, &list, ";color=blue;color=black;color=brown"),
            (Style::Matrix, true, &object, ";R=100;G=200;B=150"),
        ] {
            assert_eq!(path(value, style, explode), expected, "{style:?} {explode}");
        }
        for (style, explode, value, expected) in [
            (Style::Form, true, &none, "color="),
            (Style::Form, true, &text, "color=blue"),
            (Style::Form, true, &list, "color=blue&color=black&color=brown"),
            (Style::Form, true, &object, "R=100&G=200&B=150"),
            (Style::Form, false, &list, "color=blue,black,brown"),
            (Style::Form, false, &object, "color=R,100,G,200,B,150"),
            (Style::SpaceDelimited, false, &list, "color=blue%20black%20brown"),
            (Style::SpaceDelimited, false, &object, "color=R%20100%20G%20200%20B%20150"),
            (Style::PipeDelimited, false, &list, "color=blue|black|brown"),
            (Style::DeepObject, true, &object, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
            (Style::Json, false, &list, "color=%5B%22blue%22%2C%22black%22%2C%22brown%22%5D"),
        ] {
            assert_eq!(query(value, style, explode), expected, "{style:?} {explode}");
        }
    }

    #[test]
    fn what_would_end_a_part_of_a_url_is_escaped() {
        assert_eq!(escape("a/b?c#d&e=f %ü", false), "a%2Fb%3Fc%23d%26e%3Df%20%25%C3%BC");
        assert_eq!(escape("a/b?c#d&e", true), "a/b%3Fc%23d%26e");
        let nested = pairs("a", &json!({"b": [{"c": "&"}, 1]}), Style::DeepObject, true, false);
        assert_eq!(nested, [("a%5Bb%5D%5B0%5D%5Bc%5D".into(), "%26".into()), ("a%5Bb%5D%5B1%5D".into(), "1".into())]);
    }
}

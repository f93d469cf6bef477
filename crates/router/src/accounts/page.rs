//! The HTML of the pages: no script, no other file, readable on a phone and aloud.

/// Nothing is loaded, nothing runs, and no other page shows these. A form's target is not limited: what follows it may
/// redirect to the caller's own page, which was checked when the link was made.
pub(super) const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                                         frame-ancestors 'none'";

/// What the user types.
pub(super) struct Field {
    pub(super) name: &'static str,
    label: &'static str,
    is_secret: bool,
}

pub(super) const KEY: &[Field] = &[Field { name: "key", label: "API key", is_secret: true }];
pub(super) const TOKEN: &[Field] = &[Field { name: "key", label: "Access token", is_secret: true }];
pub(super) const PASSWORD: &[Field] = &[
    Field { name: "username", label: "User name", is_secret: false },
    Field { name: "password", label: "Password", is_secret: true },
];

const STYLE: &str = "\
body{font:1.05rem/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:2rem 1.2rem;color:#1a1a1a;background:#fff}\
h1{font-size:1.5rem;line-height:1.25}\
label{display:block;font-weight:600;margin:1.2rem 0 .3rem}\
input,button{box-sizing:border-box;width:100%;font:inherit;padding:.7rem;border-radius:.4rem;border:1px solid #767676}\
button{margin-top:1.6rem;background:#0b5cad;border-color:#0b5cad;color:#fff;font-weight:600}\
:focus-visible{outline:3px solid #0b5cad;outline-offset:2px}\
[role=alert]{border-left:.3rem solid #b00020;padding-left:.8rem;color:#b00020}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}input{background:#222;color:#eee}\
[role=alert]{color:#ff8a95}}";

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn document(title: &str, main: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// A page that only says something.
pub(super) fn notice(title: &str, message: &str) -> String {
    document(title, &format!("<p role=\"status\">{}</p>\n", escape(message)))
}

/// The page that asks for a credential: for what, on whose behalf, and what happens with it.
pub(super) fn form(toolkit: &str, about: &str, user_id: &str, fields: &[Field], problem: Option<&str>) -> String {
    let mut main = String::new();
    if let Some(problem) = problem {
        main.push_str(&format!("<p role=\"alert\">{}</p>\n", escape(problem)));
    }
    main.push_str(&format!(
        "<p>A program asks to use <strong>{}</strong> on behalf of the user <strong>{}</strong>.</p>\n\
         <p>{}</p>\n<p id=\"what\">What you enter is stored encrypted and sent to {} only. The program and the AI model behind \
         it can run tools with it, but do not get to see it. If you did not ask for this, close this page.</p>\n\
         <form method=\"post\" autocomplete=\"off\">\n",
        escape(toolkit),
        escape(user_id),
        escape(about),
        escape(toolkit),
    ));
    for (place, Field { name, label, is_secret }) in fields.iter().enumerate() {
        let kind = if *is_secret { "password" } else { "text" };
        let focus = if place == 0 { " autofocus" } else { "" };
        main.push_str(&format!(
            "<label for=\"{name}\">{label}</label>\n<input id=\"{name}\" name=\"{name}\" type=\"{kind}\" required \
             autocapitalize=\"none\" spellcheck=\"false\" autocomplete=\"off\" aria-describedby=\"what\"{focus}>\n"
        ));
    }
    main.push_str("<button>Connect</button>\n</form>\n");
    document(&format!("Connect {toolkit}"), &main)
}

/// The page that tells the user which code to type in elsewhere.
pub(super) fn code(toolkit: &str, user_id: &str, code: &str, place: &str) -> String {
    let (name, place) = (escape(toolkit), escape(place));
    let main = format!(
        "<p>A program asks to use <strong>{name}</strong> on behalf of the user <strong>{}</strong>.</p>\n\
         <p>To agree, open <a href=\"{place}\" rel=\"noreferrer\">{place}</a> on this device or on another one, and enter \
         this code:</p>\n<p><strong>{}</strong></p>\n\
         <p>If you did not ask for this, close this page.</p>\n",
        escape(user_id),
        escape(code),
    );
    document(&format!("Connect {toolkit}"), &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let evil = "<script>'\"&";
        let html = form(evil, evil, evil, PASSWORD, Some(evil)) + &notice(evil, evil) + &code(evil, evil, evil, evil);
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;&#39;&quot;&amp;"));
    }

    #[test]
    fn every_field_has_its_label() {
        for fields in [KEY, TOKEN, PASSWORD] {
            let html = form("Shop", "Sells.", "ada", fields, None);
            for field in fields {
                assert!(html.contains(&format!("<label for=\"{0}\">", field.name)), "{html}");
                assert!(html.contains(&format!("id=\"{0}\" name=\"{0}\"", field.name)), "{html}");
            }
            assert!(html.contains("lang=\"en\"") && html.contains("viewport") && html.contains("<strong>ada</strong>"));
        }
    }
}

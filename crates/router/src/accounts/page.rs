//! The HTML of the pages: no script, no other file, readable on a phone and aloud.

/// Nothing is loaded, nothing runs, and no other page shows these. `form-action` is left out: browsers hold all redirects
/// after a form against it, and those lead to the provider, from there perhaps to another one where the user signs in, and
/// in the end to the caller's own page, which was checked when the link was made.
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

/// A text of somebody else's without what is not seen in it.
fn visible(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() && !crate::text::is_hidden(*letter)).collect()
}

/// A text of somebody else's within a page, whose direction does not reach beyond it.
fn shown(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(&visible(text)))
}

/// For whom an account is.
pub(super) struct Whose<'a> {
    pub(super) user_id: &'a str,
    /// None for the default one.
    pub(super) project: Option<&'a str>,
}

impl Whose<'_> {
    /// Who asks for what, as HTML.
    fn request(&self, toolkit: &str) -> String {
        let project = self.project.map(|name| format!(" of the project <strong>{}</strong>", shown(name)));
        format!(
            "<p>A program asks to use <strong>{}</strong> on behalf of the user <strong>{}</strong>{}.</p>\n",
            shown(toolkit),
            shown(self.user_id),
            project.unwrap_or_default(),
        )
    }
}

/// A page with a title, which is its heading too: there each text of somebody else's keeps to its place.
fn document(title: &str, heading: &str, main: &str) -> String {
    let title = escape(&visible(title));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// A page that only says something.
pub(super) fn notice(title: &str, message: &str) -> String {
    document(title, &shown(title), &format!("<p role=\"status\">{}</p>\n", shown(message)))
}

/// The page that asks for a credential: for what, on whose behalf, and what happens with it.
pub(super) fn form(toolkit: &str, about: &str, whose: &Whose<'_>, fields: &[Field], problem: Option<&str>) -> String {
    let mut main = String::new();
    if let Some(problem) = problem {
        main.push_str(&format!("<p role=\"alert\">{}</p>\n", shown(problem)));
    }
    main.push_str(&format!(
        "{}<p>{}</p>\n<p id=\"what\">What you enter is stored encrypted and sent to {} only. The program and the AI model behind \
         it can run tools with it, but do not get to see it. If you did not ask for this, close this page.</p>\n\
         <form method=\"post\" autocomplete=\"off\">\n",
        whose.request(toolkit),
        shown(about),
        shown(toolkit),
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
    document(&format!("Connect {toolkit}"), &format!("Connect {}", shown(toolkit)), &main)
}

/// The page before a provider's own: for what, for whom, and what happens next.
pub(super) fn consent(toolkit: &str, about: &str, whose: &Whose<'_>, host: &str) -> String {
    let main = format!(
        "{}<p>{}</p>\n<p>Next, you sign in at <strong>{}</strong> and are asked to agree. The account that you choose there \
         is then used for {} and nobody else. If that is not you, or you did not ask for this, close this page.</p>\n\
         <form method=\"post\">\n<button>Connect</button>\n</form>\n",
        whose.request(toolkit),
        shown(about),
        shown(host),
        shown(whose.user_id),
    );
    let heading = format!("Connect {} for user {}", shown(toolkit), shown(whose.user_id));
    document(&format!("Connect {toolkit} for user {}", whose.user_id), &heading, &main)
}

/// The page that tells for whom the account is, and which code to type in elsewhere. `filled` is the place where the code is
/// typed in already.
pub(super) fn code(toolkit: &str, whose: &Whose<'_>, code: &str, place: &str, filled: Option<&str>) -> String {
    let (place, filled) = (escape(&visible(place)), escape(&visible(filled.unwrap_or(place))));
    let main = format!(
        "{}<p>To agree, open <a href=\"{filled}\" rel=\"noreferrer\">{place}</a> on this device or on another one. It shows this \
         code, or asks for it:</p>\n<p><strong>{}</strong></p>\n\
         <p>The account that you choose there is then used for {} and nobody else. If that is not you, or you did not ask for \
         this, close this page.</p>\n",
        whose.request(toolkit),
        shown(code),
        shown(whose.user_id),
    );
    let heading = format!("Connect {} for user {}", shown(toolkit), shown(whose.user_id));
    document(&format!("Connect {toolkit} for user {}", whose.user_id), &heading, &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let evil = "<script>'\"&";
        let whose = Whose { user_id: evil, project: Some(evil) };
        let html = form(evil, evil, &whose, PASSWORD, Some(evil))
            + &notice(evil, evil)
            + &code(evil, &whose, evil, evil, Some(evil))
            + &consent(evil, evil, &whose, evil);
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;&#39;&quot;&amp;"));
    }

    #[test]
    fn nothing_from_outside_moves_or_hides_text() {
        let evil = "a\u{202e}d\u{2066}m\u{200b}i\u{e0041}n\u{7}";
        let whose = Whose { user_id: evil, project: Some(evil) };
        let html = consent(evil, evil, &whose, evil)
            + &form(evil, evil, &whose, KEY, Some(evil))
            + &code(evil, &whose, evil, evil, Some(evil))
            + &notice(evil, evil);
        assert!(
            !html.chars().any(|letter| letter != '\n' && (letter.is_control() || crate::text::is_hidden(letter))),
            "{html:?}"
        );
        assert!(
            html.contains("user <strong><bdi>admin</bdi></strong> of the project <strong><bdi>admin</bdi></strong>")
        );
        assert!(html.contains("<title>Connect admin for user admin</title>"), "{html}");
        // Letters that go from right to left stay, within their own place.
        assert!(notice("x", "\u{5d0}\u{5d1}").contains("<bdi>\u{5d0}\u{5d1}</bdi>"));
    }

    #[test]
    fn every_field_has_its_label() {
        for fields in [KEY, TOKEN, PASSWORD] {
            let html = form("Shop", "Sells.", &Whose { user_id: "ada", project: None }, fields, None);
            for field in fields {
                assert!(html.contains(&format!("<label for=\"{0}\">", field.name)), "{html}");
                assert!(html.contains(&format!("id=\"{0}\" name=\"{0}\"", field.name)), "{html}");
            }
            assert!(
                html.contains("lang=\"en\"")
                    && html.contains("viewport")
                    && html.contains("<strong><bdi>ada</bdi></strong>")
            );
        }
    }
}

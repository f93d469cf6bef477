//! Whose account a token is for, as far as the provider tells.

use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::OAuthError;
use crate::http::{Http, get_signed};
use crate::provider::{Client, Provider};
use crate::token::Tokens;

/// Characters of a field that are kept.
const LONGEST: usize = 200;

/// Whose account a token is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// What the provider knows them by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name that they chose there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Owner {
    /// Reads what OpenID Connect, and APIs beside it, call these things; none where there is nothing of it.
    fn read(fields: &Value) -> Option<Self> {
        let field = |names: &[&str]| {
            let found = names.iter().find_map(|name| match fields.get(*name)? {
                Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            found.map(|text| text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect())
        };
        let owner = Self {
            id: field(&["sub", "id", "user_id"]),
            name: field(&["name", "display_name", "displayName"]),
            username: field(&["preferred_username", "username", "login", "nickname"]),
            email: field(&["email"]),
        };
        (owner != Self::default()).then_some(owner)
    }

    /// Reads an ID token. Its signature says nothing more: it came from the token endpoint itself, over its own connection
    /// (OpenID Connect Core, 3.1.3.7). One for another client, or of another issuer, is not read.
    fn of_id_token(token: &SecretString, provider: &Provider, client: &Client) -> Option<Self> {
        let payload = token.expose_secret().split('.').nth(1)?;
        let fields: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?).ok()?;
        let is_for = |audience: &Value| audience.as_str() == Some(&client.id);
        let audience = fields.get("aud")?;
        let is_ours = is_for(audience) || audience.as_array().is_some_and(|all| all.iter().any(is_for));
        let issuer = fields.get("iss").and_then(Value::as_str);
        let is_theirs = provider.issuer.is_none() || provider.issuer.as_deref() == issuer;
        Self::read(&fields).filter(|_| is_ours && is_theirs)
    }
}

impl Tokens {
    /// Whose account the tokens are for: what the provider's place for that says, with what the ID token says, either alone
    /// where there is no other. None where neither says anything. Beside it, why that place could not be asked, if so.
    pub async fn owner(
        &self,
        http: &dyn Http,
        provider: &Provider,
        client: &Client,
    ) -> (Option<Owner>, Option<OAuthError>) {
        let told = self.id_token.as_ref().and_then(|token| Owner::of_id_token(token, provider, client));
        let Some(place) = &provider.userinfo else { return (told, None) };
        let fields = get_signed(http, place, &self.access)
            .await
            .and_then(|answer| answer.success("the place that says whose token it is", &[self.access.expose_secret()]));
        let found = match fields {
            Ok(fields) => Owner::read(&fields),
            Err(error) => return (told, Some(error)),
        };
        let Some(found) = found else { return (told, None) };
        let told = told.unwrap_or_default();
        // OpenID Connect Core, 5.3.2: an answer about another subject is not used.
        if told.id.is_some() && told.id != found.id {
            return (Some(told), None);
        }
        let both = Owner {
            id: found.id.or(told.id),
            name: found.name.or(told.name),
            username: found.username.or(told.username),
            email: found.email.or(told.email),
        };
        (Some(both), None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_owner_is_read_from_what_there_is() {
        let owner =
            Owner::read(&json!({"login": "octo", "id": 7, "name": " ", "email": "o@example.com\u{0}"})).unwrap();
        assert_eq!((owner.id.as_deref(), owner.name.as_deref()), (Some("7"), None));
        assert_eq!((owner.username.as_deref(), owner.email.as_deref()), (Some("octo"), Some("o@example.com")));
        assert_eq!(Owner::read(&json!({"ok": true})), None);
        let long = Owner::read(&json!({"name": "x".repeat(500)})).unwrap();
        assert_eq!(long.name.unwrap().len(), LONGEST);
    }

    #[test]
    fn an_id_token_is_for_this_client_and_of_its_issuer() {
        let token = |fields: Value| {
            SecretString::from(format!("h.{}.s", BASE64URL_NOPAD.encode(fields.to_string().as_bytes())))
        };
        let provider = Provider { issuer: Some("https://id.example".to_owned()), ..Provider::default() };
        let read = |fields: Value| Owner::of_id_token(&token(fields), &provider, &Client::public("app"));
        let good = json!({"iss": "https://id.example", "aud": ["other", "app"], "sub": "ada"});
        assert_eq!(read(good).unwrap().id.as_deref(), Some("ada"));
        for fields in [
            json!({"iss": "https://id.example", "aud": "other", "sub": "ada"}),
            json!({"iss": "https://evil.example", "aud": "app", "sub": "ada"}),
            json!({"iss": "https://id.example", "sub": "ada"}),
            json!({"iss": "https://id.example", "aud": "app"}),
        ] {
            assert_eq!(read(fields.clone()), None, "{fields}");
        }
        assert_eq!(Owner::of_id_token(&"nonsense".into(), &provider, &Client::public("app")), None);
    }
}

//! The check of `Host` and `Origin`.
//!
//! A page in a browser can make its own name resolve to this machine (DNS rebinding) and then talk to a server here as if
//! it were its own. Its requests still carry that name, so a request is served only under names that are known. An
//! address is no name and cannot be rebound. Requests from other origins are refused as well.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, Uri, header};

use crate::options::Options;
use crate::problem::Problem;

/// Checks a request's host and origin, and answers the host.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri, options: &Options) -> Result<String, Problem> {
    let refuse = |message: String| Problem::new(StatusCode::FORBIDDEN, "ForbiddenHost", message);
    let mut given = headers.get_all(header::HOST).iter();
    let host = match (given.next().map(|value| value.to_str()), given.next()) {
        (Some(Ok(host)), None) => host.to_ascii_lowercase(),
        _ => return Err(Problem::bad_request("the request must have one `host` header")),
    };
    let name = name_of(&host).ok_or_else(|| Problem::bad_request("the `host` header is malformed"))?;
    if uri.authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(&host)) {
        return Err(Problem::bad_request("the request's URL and its `host` header name two hosts"));
    }
    if !is_known(name, options) {
        return Err(refuse(format!("this server is not known as {name:?}")).fix(format!(
            "where that is meant, start it with `--allow-host {name}` or with the `--public-url` it is reached by"
        )));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let same = origin
            .split_once("://")
            .is_some_and(|(scheme, rest)| without_default_port(scheme, rest) == without_default_port(scheme, &host));
        // A proxy may have put another host in place of the one that the page was loaded from.
        let public = options.public_url.as_ref().is_some_and(|url| url.origin() == origin);
        if !same && !public {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "ForbiddenOrigin",
                "requests from pages of other origins are not served",
            ));
        }
    }
    Ok(host)
}

/// The name or address of a `Host` header, without its port and without brackets.
fn name_of(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port = rest.strip_prefix(':').unwrap_or(rest);
    let fits = !name.is_empty() && (rest.is_empty() || port.parse::<u16>().is_ok());
    fits.then_some(name)
}

fn is_known(name: &str, options: &Options) -> bool {
    // A trailing dot makes a name absolute and changes nothing else.
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok()
        || options.public_url.as_ref().is_some_and(|url| url.host() == name)
        || options.allow_hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

fn without_default_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(port).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::PublicUrl;

    fn answer(host: &str, origin: Option<&str>) -> bool {
        let mut options = Options::new(([127, 0, 0, 1], 8080).into());
        options.public_url = Some(PublicUrl::parse("https://tools.example/x").unwrap());
        options.allow_hosts = vec!["Other.Example".to_owned()];
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check(&headers, &Uri::from_static("/"), &options).is_ok()
    }

    #[test]
    fn known_names_and_addresses_are_served() {
        for host in [
            "localhost",
            "localhost:8080",
            "app.localhost",
            "LocalHost.",
            "127.0.0.1:8080",
            "[::1]:80",
            "192.0.2.7",
            "tools.example",
            "other.example:443",
        ] {
            assert!(answer(host, None), "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", ":80", "[::1", "a:b"] {
            assert!(!answer(host, None), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        assert!(answer("127.0.0.1:8080", Some("http://127.0.0.1:8080")));
        assert!(answer("tools.example", Some("https://tools.example:443")));
        assert!(answer("127.0.0.1:8080", Some("https://tools.example")));
        for origin in
            ["null", "http://evil.example", "http://127.0.0.1:9999", "http://localhost:8080", "127.0.0.1:8080"]
        {
            assert!(!answer("127.0.0.1:8080", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn one_host_is_named() {
        let options = Options::new(([127, 0, 0, 1], 8080).into());
        let mut headers = HeaderMap::new();
        assert!(check(&headers, &Uri::from_static("/"), &options).is_err());
        headers.insert(header::HOST, "localhost".parse().unwrap());
        assert!(check(&headers, &Uri::from_static("http://127.0.0.1/"), &options).is_err());
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(check(&headers, &Uri::from_static("/"), &options).is_err());
    }
}

//! A connection is finished in the browser of the one who agreed to it, and nowhere else.

use composio_contract::Backend as _;
use composio_router::{Project, Router};
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::support::{Setup, agree, completed, fetch, fetch_with, link, router, session, who};

fn token(link: &str) -> &str {
    link.rsplit('/').next().unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// The cookie that the page of a link sets on a click: all of it, and what a browser sends back.
async fn cookie(router: &Router, link: &str) -> (String, String) {
    let reply = router.connect(true, token(link), "", &HeaderMap::new(), b"").await;
    let whole = reply.headers().iter().find(|(name, _)| *name == "set-cookie").unwrap().1.to_owned();
    let pair = whole.split(';').next().unwrap().to_owned();
    (whole, pair)
}

#[tokio::test]
async fn a_link_says_for_whom_it_is_and_a_look_at_it_changes_nothing() {
    let setup = Setup::new().await;
    let asked = setup.link().await;
    for _ in 0..2 {
        let reply = setup.router.connect(false, token(&asked.redirect_url), "", &HeaderMap::new(), b"").await;
        assert_eq!((reply.status, reply.location.as_deref()), (200, None));
        assert!(reply.headers().iter().all(|(name, _)| *name != "set-cookie"));
        for part in [
            "<title>Connect The API for user ada</title>",
            "<bdi>ada</bdi>",
            "Knows you.",
            "127.0.0.1",
            "method=\"post\"",
        ] {
            assert!(reply.body.contains(part), "{part} is not in {}", reply.body);
        }
        assert!(!reply.body.contains("project"), "{}", reply.body);
    }
    assert_eq!(setup.status(&asked.connected_account_id).await.0, "INITIATED");

    let bank = setup.router.in_project(Project::new("bank").unwrap()).unwrap();
    let theirs = link(&bank, &session(&bank, "ada", json!({})).await).await;
    let (status, page, _) = fetch(&theirs.redirect_url, None).await;
    assert_eq!(status, 200);
    assert!(page.contains("of the project <strong><bdi>bank</bdi></strong>"), "{page}");
}

#[tokio::test]
async fn only_the_browser_in_which_the_user_agreed_finishes() {
    let setup = Setup::new().await;
    let (asked, other) = (setup.link().await, setup.link().await);
    let callback = agree(&asked.redirect_url).await;
    let (_, of_another) = cookie(&setup.router, &other.redirect_url).await;
    let (_, own) = cookie(&setup.router, &asked.redirect_url).await;
    let (name, _) = own.split_once('=').unwrap();
    let (_, value) = of_another.split_once('=').unwrap();
    let refusal = "error=access_denied";
    let denied = format!("{}&{refusal}", callback.split_once("&code=").map_or(callback.as_str(), |(start, _)| start));
    for (url, cookies) in [
        (&callback, String::new()),
        (&callback, of_another.clone()),
        (&callback, format!("{name}={value}")),
        (&callback, format!("{name}=")),
        (&denied, String::new()),
    ] {
        let (status, page, location) = fetch_with(url, None, &[("cookie", &cookies)]).await;
        assert_eq!((status, location), (403, None), "{cookies}");
        assert!(page.contains("begun in another browser") && page.contains("open the link again"), "{page}");
        assert_eq!(setup.status(&asked.connected_account_id).await.0, "INITIATED");
    }
    // It has used nothing up. Two links that are open at once do not meet, and a second click changes nothing.
    assert_eq!(cookie(&setup.router, &asked.redirect_url).await.1, own);
    let both = format!("theme=dark; {of_another}; {own}");
    let (status, page, _) = fetch_with(&callback, None, &[("cookie", &both)]).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(setup.status(&asked.connected_account_id).await.0, "ACTIVE");
    assert_eq!(completed(&setup.who().await)["sub"], "ada");
    assert_eq!(fetch(&asked.redirect_url, Some("")).await.0, 404, "the back button, afterwards");
}

#[tokio::test]
async fn a_cookie_is_of_the_address_that_users_reach() {
    let setup = Setup::new().await;
    let (plain, pair) = cookie(&setup.router, &setup.link().await.redirect_url).await;
    assert!(plain.starts_with("composio-connect-"), "{plain}");
    assert!(plain.ends_with("; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax"), "{plain}");
    assert!(pair.len() < 100, "many fit into a request: {pair}");
    let served = setup.router.reached_at("https://tools.example");
    let asked = link(&served, &setup.session).await;
    assert!(asked.redirect_url.starts_with("https://tools.example/connect/"), "{}", asked.redirect_url);
    let (whole, pair) = cookie(&served, &asked.redirect_url).await;
    assert!(whole.starts_with("__Host-composio-connect-"), "{whole}");
    assert!(whole.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{whole}");
    let callback = format!("state={}&code=guessed", token(&asked.redirect_url));
    let come = async |cookie: &str| {
        let headers = headers(&[("cookie", cookie)]);
        let reply = served.connect(false, "callback", &callback, &headers, b"").await;
        (reply.status, setup.status(&asked.connected_account_id).await.0)
    };
    // One that a page without https could have set.
    assert_eq!(come(&pair.replace("__Host-", "")).await, (403, "INITIATED".to_owned()));
    assert_eq!(come(&pair).await, (200, "FAILED".to_owned()), "the answer counts, and its code is wrong");
}

#[tokio::test]
async fn a_page_elsewhere_cannot_agree_in_the_users_stead() {
    let setup = Setup::new().await;
    let asked = setup.link().await;
    let (host, _) = asked.redirect_url.trim_start_matches("http://").split_once('/').unwrap();
    let own = format!("http://{host}");
    for (pairs, status) in [
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![("sec-fetch-site", "none")], 403),
        (vec![("origin", own.as_str())], 303),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")], 303),
    ] {
        let (answered, page, _) = fetch_with(&asked.redirect_url, Some(""), &pairs).await;
        assert_eq!(answered, status, "{pairs:?}: {page}");
    }
}

#[tokio::test]
async fn an_app_that_knows_its_users_has_links_lead_to_the_provider() {
    let setup = Setup::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"accounts": {"consent_page": false}});
    let router = router(folder.path(), setup.server.oauth(), &format!("{}/_api", setup.server.url), config);
    let session = session(&router, "ada", json!({})).await;
    let asked = link(&router, &session).await;
    assert!(asked.redirect_url.starts_with(&format!("{}/auth?", setup.server.url)), "{}", asked.redirect_url);
    let callback = agree(&asked.redirect_url).await;
    assert_eq!(fetch_with(&callback, None, &[]).await.0, 200);
    assert_eq!(completed(&who(&router, &session, None).await.unwrap())["sub"], "ada");
    router.close().await.unwrap();
}

//! The guarded way out, against a server on this machine.

// What the lints allow in a test function, its fixtures need too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod server;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use composio_contract::ErrorKind;
use composio_egress::{Egress, EgressOptions, Request, Resolver};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use server::{Answer, Server, answer};

fn egress(rules: &[&str]) -> Egress {
    Egress::new(EgressOptions { allow_hosts: rules.iter().map(ToString::to_string).collect() }).unwrap()
}

/// Answers each look-up with the next list of addresses, and the last one ever after.
#[derive(Debug)]
struct Scripted {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
    names: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(answers: &[&[&'static str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0), names: Mutex::default() })
    }
}

#[async_trait]
impl Resolver for Scripted {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.names.lock().unwrap().push(host.to_owned());
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        Ok(self.answers[turn].iter().map(|address| address.parse().unwrap()).collect())
    }
}

#[tokio::test]
async fn an_allowed_host_is_reached() {
    let server = Server::start(|_| answer("200 OK", &[("x-a", "b")], b"hello")).await;
    let egress = egress(&[&server.rule()]);
    let response = egress.send(Request::get(&server.url("/x?y=z")).unwrap()).await.unwrap().complete().unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"hello"[..]));
    assert_eq!(response.headers["x-a"], "b");
    let received = server.received();
    assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("GET", "/x?y=z"));
}

#[tokio::test]
async fn inner_hosts_are_blocked_and_never_connected_to() {
    let server = Server::start(|_| answer("200 OK", &[], b"")).await;
    let port = server.port;
    let egress = egress(&[]);
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let error = egress.send(Request::get(&format!("http://{host}:{port}/")).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{host}: {error}");
        assert!(error.suggested_fix().unwrap().contains("allow_hosts"));
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let server = Server::start(|_| answer("200 OK", &[], b"")).await;
    let url = format!("http://rebind.example:{}/", server.port);
    for addresses in [&["127.0.0.1"][..], &["10.0.0.1", "169.254.169.254"], &["::1", "::ffff:127.0.0.1"]] {
        let egress = Egress::with_resolver(EgressOptions::default(), Scripted::new(&[addresses])).unwrap();
        let error = egress.send(Request::get(&url).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{addresses:?}: {error}");
        assert!(error.message().contains("rebind.example"), "{error}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_name_that_turns_inward_later_gains_nothing() {
    let server = Server::start(|_| answer("200 OK", &[], b"")).await;
    let url = format!("http://rebind.example:{}/", server.port);
    // First an address of public space that nobody was ever given, then this machine.
    let resolver = Scripted::new(&[&["2000::1"], &["127.0.0.1"]]);
    let egress = Egress::with_resolver(EgressOptions::default(), resolver.clone()).unwrap();
    let mut request = Request::get(&url).unwrap();
    request.time_limit = Duration::from_millis(200);
    let first = egress.send(request.clone()).await.unwrap_err();
    assert!(matches!(first.kind(), ErrorKind::Timeout | ErrorKind::Connection), "{first}");
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 1, "one look-up for check and connection");
    request.time_limit = Duration::from_secs(10);
    assert_eq!(egress.send(request).await.unwrap_err().kind(), ErrorKind::BlockedUrl);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn inner_addresses_among_public_ones_are_left_out() {
    let server = Server::start(|_| answer("200 OK", &[], b"")).await;
    let resolver = Scripted::new(&[&["127.0.0.1", "2000::1", "::1"]]);
    let egress = Egress::with_resolver(EgressOptions::default(), resolver).unwrap();
    let mut request = Request::get(&format!("http://mixed.example:{}/", server.port)).unwrap();
    request.time_limit = Duration::from_millis(200);
    assert!(egress.send(request).await.is_err());
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn an_allowed_name_may_lie_anywhere_but_only_at_its_port() {
    let server = Server::start(|_| answer("200 OK", &[], b"in")).await;
    let other = Server::start(|_| answer("200 OK", &[], b"no")).await;
    let options = EgressOptions { allow_hosts: vec![format!("*.svc.local:{}", server.port)] };
    let egress = Egress::with_resolver(options, Scripted::new(&[&["127.0.0.1"]])).unwrap();
    let url = |port| format!("http://a.svc.local:{port}/");
    assert_eq!(egress.send(Request::get(&url(server.port)).unwrap()).await.unwrap().body, "in");
    let error = egress.send(Request::get(&url(other.port)).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BlockedUrl);
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn a_redirect_to_an_inner_host_is_blocked() {
    let inner = Server::start(|_| answer("200 OK", &[], b"metadata")).await;
    for location in [
        inner.url("/"),
        format!("http://localhost:{}/", inner.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "//127.0.0.1:1/".to_owned(),
    ] {
        let outer = Server::start(move |_| answer("302 Found", &[("location", &location)], b"")).await;
        let error = egress(&[&outer.rule()]).send(Request::get(&outer.url("/")).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{error}");
    }
    for location in ["file:///etc/passwd", "http://user:pass@127.0.0.1/", "gopher://127.0.0.1/"] {
        let outer = Server::start(move |_| answer("307 Temporary Redirect", &[("location", location)], b"")).await;
        let error = egress(&[&outer.rule()]).send(Request::get(&outer.url("/")).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{error}");
    }
    assert!(inner.received().is_empty());
}

#[tokio::test]
async fn a_redirect_keeps_or_changes_the_method_by_its_status() {
    for (status, method, expected, keeps_body) in [
        ("301 Moved Permanently", Method::POST, "GET", false),
        ("302 Found", Method::POST, "GET", false),
        ("302 Found", Method::PUT, "PUT", true),
        ("303 See Other", Method::PUT, "GET", false),
        ("303 See Other", Method::HEAD, "HEAD", true),
        ("307 Temporary Redirect", Method::POST, "POST", true),
        ("308 Permanent Redirect", Method::PATCH, "PATCH", true),
    ] {
        let server = Server::start(move |request| match request.target.as_str() {
            "/a/b" => answer(status, &[("location", "../c?d=e")], b""),
            _ => answer("200 OK", &[], b""),
        })
        .await;
        let mut request = Request::new(method.clone(), &server.url("/a/b")).unwrap();
        request.body = "body".into();
        request.headers.insert("content-type", HeaderValue::from_static("text/plain"));
        request.headers.insert("authorization", HeaderValue::from_static("Bearer same-origin"));
        let response = egress(&[&server.rule()]).send(request).await.unwrap();
        assert_eq!(response.url.as_str(), server.url("/c?d=e"));
        let last = server.received().pop().unwrap();
        assert_eq!((last.method.as_str(), last.target.as_str()), (expected, "/c?d=e"), "{status} {method}");
        assert_eq!(last.body, if keeps_body { &b"body"[..] } else { b"" }, "{status} {method}");
        assert_eq!(last.header("content-type").is_some(), keeps_body, "{status} {method}");
        assert_eq!(last.header("authorization"), Some("Bearer same-origin"));
    }
}

#[tokio::test]
async fn credentials_do_not_cross_to_another_origin() {
    let target = Server::start(|_| answer("200 OK", &[], b"")).await;
    let location = target.url("/");
    let first = Server::start(move |_| answer("307 Temporary Redirect", &[("location", &location)], b"")).await;
    let mut request = Request::get(&first.url("/")).unwrap();
    for (name, value) in [
        ("authorization", "Bearer t"),
        ("cookie", "a=b"),
        ("x-api-key", "k"),
        ("private-token", "p"),
        ("accept", "text/html"),
    ] {
        request.headers.insert(name, HeaderValue::from_static(value));
    }
    egress(&[&first.rule(), &target.rule()]).send(request).await.unwrap();
    let received = target.received().pop().unwrap();
    for name in ["authorization", "cookie", "x-api-key", "private-token"] {
        assert!(first.received()[0].header(name).is_some());
        assert_eq!(received.header(name), None);
    }
    assert_eq!(received.header("accept"), Some("text/html"));
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|_| answer("302 Found", &[("location", "/again")], b"moved")).await;
    let egress = egress(&[&server.rule()]);
    let error = egress.send(Request::get(&server.url("/")).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidReply);
    assert_eq!(server.received().len(), 6);
    let mut request = Request::get(&server.url("/")).unwrap();
    request.redirects = 0;
    let response = egress.send(request).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (302, &b"moved"[..]));
}

#[tokio::test]
async fn a_redirect_goes_only_where_the_caller_lets_it() {
    let server = Server::start(|_| answer("302 Found", &[("location", "/admin")], b"moved")).await;
    let egress = egress(&[&server.rule()]);
    let mut request = Request::get(&server.url("/v1/go")).unwrap();
    request.admit_redirect = Some(std::sync::Arc::new(|url| {
        Err(composio_contract::Error::new(ErrorKind::BlockedUrl, format!("not to {}", url.path())))
    }));
    let error = egress.send(request).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::BlockedUrl, "not to /admin"));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_body_ends_at_the_limit() {
    let server = Server::start(|_| answer("200 OK", &[], &vec![b'x'; 100_000])).await;
    let egress = egress(&[&server.rule()]);
    for (limit, truncated) in [(0, true), (10, true), (99_999, true), (100_000, false), (1_000_000, false)] {
        let mut request = Request::get(&server.url("/")).unwrap();
        request.limit = limit;
        let response = egress.send(request).await.unwrap();
        assert_eq!((response.body.len(), response.truncated), (limit.min(100_000), truncated), "{limit}");
        assert_eq!(response.complete().is_err(), truncated);
    }
}

#[tokio::test]
async fn an_unpacked_body_ends_at_the_limit() {
    // A million zeros, packed by gzip into a thousand bytes.
    let packed =
        std::process::Command::new("sh").args(["-c", "head -c 1000000 /dev/zero | gzip -9"]).output().unwrap().stdout;
    assert!(packed.len() < 2_000);
    let server = Server::start(move |_| answer("200 OK", &[("content-encoding", "gzip")], &packed)).await;
    let mut request = Request::get(&server.url("/")).unwrap();
    request.limit = 5_000;
    let response = egress(&[&server.rule()]).send(request).await.unwrap();
    assert_eq!((response.body.len(), response.truncated), (5_000, true));
}

#[tokio::test]
async fn time_is_limited() {
    let server = Server::start(|_| Answer::Silence).await;
    let mut request = Request::get(&server.url("/?token=hunter2")).unwrap();
    request.time_limit = Duration::from_millis(50);
    let error = egress(&[&server.rule()]).send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn errors_do_not_tell_the_query() {
    let server = Server::start(|_| Answer::Bytes(b"not http at all\r\n\r\n".to_vec())).await;
    let request = Request::get(&server.url("/path?token=hunter2")).unwrap();
    assert!(!format!("{request:?}").contains("hunter2"));
    let error = egress(&[&server.rule()]).send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains("/path"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn headers_of_the_connection_are_the_clients_own() {
    let server = Server::start(|_| answer("200 OK", &[], b"")).await;
    for name in ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "proxy-authorization"] {
        let mut request = Request::get(&server.url("/")).unwrap();
        request.headers.insert(name, HeaderValue::from_static("1"));
        let error = egress(&[&server.rule()]).send(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation, "{name}: {error}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_client_of_one_server_stays_there() {
    let other = Server::start(|_| answer("200 OK", &[], b"other")).await;
    let elsewhere = other.url("/x");
    let server = Server::start(move |request| match request.target.as_str() {
        "/near" => answer("307 Temporary Redirect", &[("location", "/there")], b""),
        "/far" => answer("308 Permanent Redirect", &[("location", &elsewhere)], b""),
        "/get" => answer("302 Found", &[("location", "/there")], b""),
        "/round" => answer("307 Temporary Redirect", &[("location", "/round")], b""),
        _ => answer("200 OK", &[], b"there"),
    })
    .await;
    let url: url::Url = server.url("/near").parse().unwrap();
    let error = egress(&[]).client_of(&url, HeaderMap::new(), 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BlockedUrl, "not without the rule: {error}");

    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-key"), HeaderValue::from_static("secret"))]);
    // The other server may be reached, and is not all the same.
    let client = egress(&[&server.rule(), &other.rule()]).client_of(&url, headers, 3).unwrap();
    let near = client.post(url.clone()).body("what").send().await.unwrap();
    assert_eq!(near.text().await.unwrap(), "there");
    let received = server.received().pop().unwrap();
    assert_eq!((received.method.as_str(), received.header("x-key")), ("POST", Some("secret")));
    assert_eq!(received.body, b"what");
    for (path, status) in [("/far", 308), ("/get", 302), ("/round", 307)] {
        assert_eq!(
            client.post(server.url(path)).body("what").send().await.unwrap().status().as_u16(),
            status,
            "{path}"
        );
    }
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn what_holds_a_credential_goes_unencrypted_to_named_hosts_and_this_machine_only() {
    let named = egress(&["intranet.example:8080"]);
    let url = |text: &str| text.parse().unwrap();
    for secure in [
        "https://api.example/",
        "http://localhost:1/",
        "http://127.0.0.9/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://intranet.example:8080/",
    ] {
        named.check_secure(&url(secure)).unwrap();
    }
    for plain in
        ["http://api.example/token", "http://intranet.example/", "http://localhost.evil.example/", "http://10.0.0.1/"]
    {
        let mut request = Request::get(plain).unwrap();
        request.secure = true;
        let error = named.send(request).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::BlockedUrl, Some(403)), "{plain}: {error}");
        assert!(error.to_string().contains("without encryption"), "{error}");
    }
}

/// The request itself may go out; where it is sent on to may not.
#[tokio::test]
async fn a_redirect_to_a_place_without_encryption_is_not_followed() {
    let server = Server::start(|_| answer("302 Found", &[("location", "http://id.example/token")], b"")).await;
    let mut request = Request::get(&server.url("/")).unwrap();
    request.secure = true;
    let error = egress(&[&server.rule()]).send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{error}");
    assert!(error.to_string().contains("id.example"), "{error}");
}

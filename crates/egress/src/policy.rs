//! Where requests may go: public addresses, and the hosts that the configuration names.

use std::net::IpAddr;
use std::str::FromStr;

use composio_contract::{Error, ErrorKind, Result};
use url::{Host, Url};

use super::address::is_public;
use super::{is_this_machine, place};

/// A host that requests may go to wherever it lies: `intranet.example`, `intranet.example:8443`, `*.svc.local`, `10.0.0.7`,
/// `[::1]:3000`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HostRule {
    host: RuleHost,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RuleHost {
    Exactly(Host),
    /// With the dot before it.
    Suffix(String),
}

impl FromStr for HostRule {
    type Err = Error;

    fn from_str(rule: &str) -> Result<Self> {
        let fail = || {
            Error::new(ErrorKind::Configuration, format!("allow_hosts: {rule:?} is not a host")).with_suggested_fix(
                "write `host`, `host:port`, `*.suffix`, an IPv4 address, or an IPv6 address in [brackets]",
            )
        };
        let (host, port) = match rule.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| fail())?)),
            _ => (rule, None),
        };
        let (wildcard, host) = host.strip_prefix("*.").map_or((false, host), |suffix| (true, suffix));
        // The URL standard lets a star stand in a name; here it would look like a rule that means every host.
        if host.contains('*') {
            return Err(fail());
        }
        let host = match (wildcard, Host::parse(host).map_err(|_| fail())?) {
            (true, Host::Domain(suffix)) => RuleHost::Suffix(format!(".{suffix}")),
            (true, _) => return Err(fail()),
            (false, host) => RuleHost::Exactly(host),
        };
        Ok(Self { host, port })
    }
}

impl HostRule {
    fn allows(&self, host: &Host<&str>, port: u16) -> bool {
        let is_host = match (&self.host, host) {
            (RuleHost::Exactly(Host::Domain(ours)), Host::Domain(theirs)) => ours == theirs,
            (RuleHost::Exactly(Host::Ipv4(ours)), Host::Ipv4(theirs)) => ours == theirs,
            (RuleHost::Exactly(Host::Ipv6(ours)), Host::Ipv6(theirs)) => ours == theirs,
            (RuleHost::Suffix(suffix), Host::Domain(theirs)) => theirs.ends_with(suffix.as_str()),
            _ => false,
        };
        is_host && self.port.is_none_or(|ours| ours == port)
    }
}

/// How a host is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// At public addresses only.
    Public,
    /// At any address: the configuration names it.
    Any,
}

/// A list of hosts, written as in [`EgressOptions::allow_hosts`](crate::EgressOptions::allow_hosts).
#[derive(Debug)]
pub struct Hosts(Vec<HostRule>);

impl Hosts {
    /// Reads the list.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where one of them cannot be read.
    pub fn new(hosts: &[String]) -> Result<Self> {
        hosts.iter().map(|rule| rule.parse()).collect::<Result<_>>().map(Self)
    }

    /// Whether a URL's host and port are in the list.
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return false };
        self.0.iter().any(|rule| rule.allows(&host, port))
    }

    /// Checks that what goes to a URL can be read on the way by nobody: it is an https URL, or its host is this machine or in
    /// the list.
    ///
    /// # Errors
    /// [`ErrorKind::BlockedUrl`].
    pub fn check_secure(&self, url: &Url) -> Result<()> {
        if url.scheme() == "https" || is_this_machine(url) || self.allows(url) {
            return Ok(());
        }
        let message = format!("{} is blocked: a credential would be sent without encryption", place(url));
        Err(Error::new(ErrorKind::BlockedUrl, message).with_status(403).with_suggested_fix(
            "use its https URL; to reach it over http all the same, its operator can add the host to `allow_hosts`",
        ))
    }
}

/// Where requests may go: to public addresses, and to these hosts at any.
#[derive(Debug)]
pub(super) struct Policy(Hosts);

impl Policy {
    pub(super) fn new(allow_hosts: &[String]) -> Result<Self> {
        Hosts::new(allow_hosts).map(Self)
    }

    /// The hosts that the configuration names.
    pub(super) fn named(&self) -> &Hosts {
        &self.0
    }

    /// Checks what a URL itself tells. A name's addresses are checked when it is resolved, an address in the URL here:
    /// it is never resolved.
    pub(super) fn route(&self, url: &Url) -> Result<Route> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::validation(format!("{} is not supported: give an http or https URL", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::validation("the URL has a user name or password in it; send them in a header"));
        }
        let Some(host) = url.host() else { return Err(Error::validation("the URL has no host")) };
        if self.0.allows(url) {
            return Ok(Route::Any);
        }
        let address = match host {
            Host::Domain(_) => return Ok(Route::Public),
            Host::Ipv4(address) => IpAddr::from(address),
            Host::Ipv6(address) => IpAddr::from(address),
        };
        if is_public(address) { Ok(Route::Public) } else { Err(blocked(&host.to_string())) }
    }
}

/// The error for a host that is not public.
pub(super) fn blocked(host: &str) -> Error {
    Error::new(ErrorKind::BlockedUrl, format!("{host} is blocked: it is not on the public Internet"))
        .with_suggested_fix("to reach it, its operator can add the host to `allow_hosts`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(rules: &[&str], url: &str) -> Result<Route> {
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        Policy::new(&rules).expect("rules").route(&Url::parse(url).expect(url))
    }

    #[test]
    fn every_spelling_of_an_inner_address_is_blocked() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.1/",
            "http://0/",
            "http://1２7.0.0.1/",
            "http://127。0。0。1/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http:\\\\127.0.0.1\\",
            "http://[::1]/",
            "http://[0:0:0:0:0:ffff:7f00:1]/",
            "http://[::ffff:169.254.169.254]/latest/meta-data/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1:8443/",
            "http://[fd00:ec2::254]/",
        ] {
            let error = route(&[], url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::BlockedUrl, "{url}: {error}");
        }
    }

    #[test]
    fn only_http_without_credentials_in_the_url() {
        for url in ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "http://user@example.com/"] {
            assert_eq!(route(&[], url).expect_err(url).kind(), ErrorKind::Validation);
        }
        let error = route(&[], "https://u:hunter2@example.com/").expect_err("credentials");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn rules_open_exactly_what_they_name() {
        for (rule, url, expected) in [
            ("intranet.example", "http://intranet.example/", Route::Any),
            ("Intranet.Example", "https://intranet.example:8443/", Route::Any),
            ("intranet.example:8080", "http://intranet.example:8080/", Route::Any),
            ("intranet.example:80", "http://intranet.example/", Route::Any),
            ("intranet.example:8080", "http://intranet.example/", Route::Public),
            ("intranet.example", "http://a.intranet.example/", Route::Public),
            ("*.svc.local", "http://a.b.svc.local/", Route::Any),
            ("*.svc.local", "http://svc.local/", Route::Public),
            ("*.svc.local", "http://evilsvc.local/", Route::Public),
            ("127.0.0.1:3000", "http://127.0.0.1:3000/", Route::Any),
            ("127.0.0.1", "http://0x7f000001/", Route::Any),
            ("[::1]:3000", "http://[::1]:3000/", Route::Any),
            ("[::1]", "http://[0::1]/", Route::Any),
        ] {
            assert_eq!(route(&[rule], url).expect(url), expected, "{rule} {url}");
        }
        assert!(route(&["127.0.0.1:3000"], "http://127.0.0.1:3001/").is_err());
    }

    #[test]
    fn rules_that_name_no_host_are_refused() {
        for rule in ["", "*", "*.", "a b", "host:port", "host:99999", "*.10.0.0.1", "http://host"] {
            let error = Policy::new(&[rule.to_owned()]).expect_err(rule);
            assert_eq!(error.kind(), ErrorKind::Configuration);
        }
    }
}

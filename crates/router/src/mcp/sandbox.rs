//! What keeps a stdio server from the rest of the machine: programs of the system that are put before its command.
//!
//! From the outside in: `prlimit` sets limits, `setpriv` changes the user, then `bwrap` or a command of the operator's makes a
//! sandbox. Nothing here needs `unsafe`, and what is missing is told by the program that is missing.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::hidden::Hidden;

/// A sandbox of a stdio server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sandbox {
    /// A known one.
    Known(KnownSandbox),
    /// A command that runs the command that follows it, such as `["docker", "run", "-i", "--rm", "image"]`.
    Command(#[schemars(length(min = 1))] Vec<String>),
}

/// A sandbox that this program knows how to set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownSandbox {
    /// Bubblewrap.
    Bwrap,
}

/// What a stdio server may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerLimits {
    /// Bytes of memory of each of its processes, such as `512MB`.
    pub memory: Option<String>,
    /// Processes and threads of the user that it runs as.
    pub processes: Option<u32>,
    /// Files that each of its processes may have open.
    pub open_files: Option<u32>,
    /// Whether it has the network. False needs the sandbox `bwrap`.
    pub network: Option<bool>,
}

/// What is asked for, and what is hidden.
#[derive(Debug)]
pub(crate) struct Isolation<'a> {
    pub(crate) run_as: Option<&'a str>,
    pub(crate) sandbox: Option<&'a Sandbox>,
    pub(crate) limits: &'a ServerLimits,
    /// What the sandbox shows empty.
    pub(crate) hidden: &'a Hidden,
    /// Whether the program could read this one's memory, see [`can_trace`]. A sandbox and another user take that away already.
    pub(crate) can_trace: bool,
}

impl Isolation<'_> {
    pub(crate) fn is_none(&self) -> bool {
        self.run_as.is_none() && self.sandbox.is_none() && *self.limits == ServerLimits::default()
    }

    /// The program to start in place of `command`, and its arguments.
    ///
    /// # Errors
    /// What cannot be, to follow the server's name.
    pub(crate) fn wrap(
        &self,
        command: &str,
        args: &[String],
        cwd: Option<&Path>,
    ) -> Result<(String, Vec<String>), String> {
        let mut line = self.limiter()?;
        line.extend(self.user()?);
        line.extend(self.sandbox(cwd)?);
        line.push(command.to_owned());
        line.extend(args.iter().cloned());
        let mut line = line.into_iter();
        // There is the command at least.
        let program = line.next().unwrap_or_default();
        Ok((program, line.collect()))
    }

    fn limiter(&self) -> Result<Vec<String>, String> {
        let ServerLimits { memory, processes, open_files, .. } = self.limits;
        let mut limits = Vec::new();
        if let Some(memory) = memory {
            let bytes = bytes(memory).ok_or_else(|| {
                format!("has `limits.memory` = {memory:?}, which is not a size; write it as `512MB` or in bytes")
            })?;
            // Addresses that are only reserved do not count: the runtimes of JavaScript reserve gigabytes.
            limits.push(format!("--data={bytes}"));
        }
        limits.extend(processes.map(|count| format!("--nproc={count}")));
        limits.extend(open_files.map(|count| format!("--nofile={count}")));
        if limits.is_empty() {
            return Ok(Vec::new());
        }
        on_linux("limits")?;
        if processes.is_some() && self.run_as.is_none() && is_root() {
            return Err("has `limits.processes`, which does not hold for root; set `run_as` too".to_owned());
        }
        Ok([vec!["prlimit".to_owned()], limits, vec!["--".to_owned()]].concat())
    }

    fn user(&self) -> Result<Vec<String>, String> {
        let Some(user) = self.run_as else {
            let line = [
                "setpriv",
                "--no-new-privs",
                "--inh-caps=-all",
                "--bounding-set=-sys_ptrace,-perfmon,-sys_admin",
                "--",
            ];
            return Ok(if self.can_trace { line.map(str::to_owned).to_vec() } else { Vec::new() });
        };
        on_linux("run_as")?;
        if !is_root() {
            return Err(
                "has `run_as`, which only root can do; start the router as root, or leave `run_as` out".to_owned()
            );
        }
        let (user, group) = match user.split_once(':') {
            Some((user, group)) => (user.to_owned(), group.to_owned()),
            None => {
                let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
                let group = group_of(&users, user).ok_or_else(|| {
                    format!("has `run_as` = {user:?}, a user that this machine does not know; write it as `uid:gid`")
                })?;
                (user.to_owned(), group)
            }
        };
        if user.is_empty() || group.is_empty() {
            return Err(
                "has a `run_as` without a user or a group; write it as `user`, `user:group` or `uid:gid`".to_owned()
            );
        }
        if matches!(user.as_str(), "root" | "0") {
            return Err("has root as `run_as`, which keeps nothing from it; name another user".to_owned());
        }
        let line = ["setpriv", "--clear-groups", "--no-new-privs", "--inh-caps=-all"].map(str::to_owned);
        Ok([line.to_vec(), vec![format!("--reuid={user}"), format!("--regid={group}"), "--".to_owned()]].concat())
    }

    fn sandbox(&self, cwd: Option<&Path>) -> Result<Vec<String>, String> {
        let without_network = self.limits.network == Some(false);
        match self.sandbox {
            Some(Sandbox::Known(KnownSandbox::Bwrap)) => {}
            Some(Sandbox::Command(_)) | None if without_network => {
                return Err("has `limits.network` = false, which needs `sandbox` = \"bwrap\"".to_owned());
            }
            Some(Sandbox::Command(prefix)) if prefix.is_empty() => {
                return Err("has an empty `sandbox`; give \"bwrap\" or a command".to_owned());
            }
            Some(Sandbox::Command(prefix)) => return Ok(prefix.clone()),
            None => return Ok(Vec::new()),
        }
        on_linux("sandbox")?;
        // With root's rights the program could undo what hides things from it.
        let mut line: Vec<String> = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]
            .into_iter()
            .chain(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"])
            .map(str::to_owned)
            .collect();
        line.extend(without_sockets(Path::new("/etc/resolv.conf")));
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let Hidden { own, users, files } = self.hidden;
        if let Some(cwd) = cwd.filter(|cwd| own.iter().any(|folder| folder == cwd)) {
            return Err(format!(
                "has {} as its `cwd`, where the router's own data is, and which its sandbox hides; give it another folder",
                cwd.display()
            ));
        }
        let hidden = own.iter().chain(users).map(|path| (path.as_path(), vec!["--tmpfs".to_owned(), text(path)]));
        let empty = |path: &Path| vec!["--ro-bind".to_owned(), "/dev/null".to_owned(), text(path)];
        let mut places: Vec<(&Path, Vec<String>)> = hidden.collect();
        places.extend(files.iter().map(|path| (path.as_path(), empty(path))));
        places.extend(cwd.map(|cwd| (cwd, vec!["--bind".to_owned(), text(cwd), text(cwd)])));
        // A folder comes before what lies in it: else it would show again what is hidden there, or hide what is shown.
        places.sort_by_key(|(path, _)| path.components().count());
        line.extend(places.into_iter().flat_map(|(_, arguments)| arguments));
        if let Some(cwd) = cwd {
            line.extend(["--chdir".to_owned(), text(cwd)]);
        }
        if without_network {
            line.push("--unshare-net".to_owned());
        }
        line.push("--".to_owned());
        Ok(line)
    }
}

/// A private `/run`, whose sockets lead to the system's services: containers, the keyring. What names are resolved with stays.
fn without_sockets(resolver: &Path) -> Vec<String> {
    let mut line: Vec<String> = ["--tmpfs", "/run"].map(str::to_owned).to_vec();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    if let Some(real) = resolver.canonicalize().ok().filter(|path| path.starts_with("/run")) {
        line.extend(["--ro-bind".to_owned(), text(&real), text(&real)]);
    }
    // NixOS finds all its programs through it.
    let system = Path::new("/run/current-system");
    if let Ok(target) = system.read_link() {
        line.extend(["--symlink".to_owned(), text(&target), text(system)]);
    }
    line
}

/// Whether programs that this one starts have the right to read the memory and environment of any process, so of this one too:
/// root's programs have it, if nothing took it from them.
#[cfg(target_os = "linux")]
pub(crate) fn can_trace() -> bool {
    /// `CAP_SYS_PTRACE`, `CAP_SYS_ADMIN` and `CAP_PERFMON` in the bits of `/proc/self/status`.
    const RIGHTS: u64 = 1 << 19 | 1 << 21 | 1 << 38;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let has_it = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits & RIGHTS != 0);
    if !is_root() || !has_it {
        return false;
    }
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&on_path).any(|folder| folder.join("setpriv").is_file());
    if !is_there {
        tracing::warn!(
            "MCP servers run as root and can read this process: install setpriv of util-linux, or set `run_as`"
        );
    }
    is_there
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn can_trace() -> bool {
    false
}

fn on_linux(key: &str) -> Result<(), String> {
    if cfg!(target_os = "linux") { Ok(()) } else { Err(format!("has `{key}`, which works on Linux only")) }
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

/// The main group of a user, by name or number, in the text of `/etc/passwd`.
fn group_of(users: &str, user: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id, group) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (name == user || id == user).then(|| group.to_owned())
    })
}

/// A size such as `512MB`, `1GiB` or `1048576`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn wrapped(isolation: &Isolation<'_>, cwd: Option<&str>) -> Result<String, String> {
        let (program, args) = isolation.wrap("uvx", &["mcp-server-git".to_owned()], cwd.map(Path::new))?;
        Ok(format!("{program} {}", args.join(" ")))
    }

    fn plain(limits: &ServerLimits) -> Isolation<'_> {
        const NOTHING: &Hidden = &Hidden { own: Vec::new(), users: Vec::new(), files: Vec::new() };
        Isolation { run_as: None, sandbox: None, limits, hidden: NOTHING, can_trace: false }
    }

    #[test]
    fn programs_are_put_before_the_command_from_the_outside_in() {
        let none = ServerLimits::default();
        assert!(plain(&none).is_none());
        assert_eq!(wrapped(&plain(&none), None).unwrap(), "uvx mcp-server-git");
        let limits = ServerLimits {
            memory: Some("512MB".to_owned()),
            processes: (!is_root()).then_some(64),
            open_files: Some(256),
            network: Some(false),
        };
        let bwrap = Sandbox::Known(KnownSandbox::Bwrap);
        let hidden = Hidden {
            own: vec!["/data".into(), "/srv/db".into()],
            users: vec!["/srv/users".into()],
            files: vec!["/etc/master.key".into()],
        };
        let all = Isolation { sandbox: Some(&bwrap), hidden: &hidden, ..plain(&limits) };
        let run = without_sockets(Path::new("/etc/resolv.conf")).join(" ");
        let processes = if is_root() { "" } else { "--nproc=64 " };
        assert_eq!(
            wrapped(&all, Some("/data/work")).unwrap(),
            format!(
                "prlimit --data=512000000 {processes}--nofile=256 -- bwrap --unshare-pid --unshare-ipc --unshare-uts --cap-drop ALL \
             --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp {run} --tmpfs /data --tmpfs /srv/db --tmpfs /srv/users \
             --ro-bind /dev/null /etc/master.key --bind /data/work /data/work --chdir /data/work --unshare-net -- uvx mcp-server-git"
            ),
        );
        let outer = wrapped(&all, Some("/")).unwrap();
        assert!(outer.find("--bind / /").unwrap() < outer.find("--tmpfs /data").unwrap(), "{outer}");
        assert!(wrapped(&all, Some("/srv/db")).unwrap_err().contains("as its `cwd`"));
        let users = wrapped(&all, Some("/srv/users")).unwrap();
        assert!(users.find("--tmpfs /srv/users").unwrap() < users.find("--bind /srv/users").unwrap(), "{users}");
        let tracer = Isolation { can_trace: true, ..plain(&none) };
        assert_eq!(
            wrapped(&tracer, None).unwrap(),
            "setpriv --no-new-privs --inh-caps=-all --bounding-set=-sys_ptrace,-perfmon,-sys_admin -- uvx mcp-server-git"
        );
        let docker = Sandbox::Command(["docker", "run", "-i", "image"].map(str::to_owned).to_vec());
        let own = Isolation { sandbox: Some(&docker), ..plain(&none) };
        assert_eq!(wrapped(&own, None).unwrap(), "docker run -i image uvx mcp-server-git");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let offline = ServerLimits { network: Some(false), ..ServerLimits::default() };
        assert!(wrapped(&plain(&offline), None).unwrap_err().contains("needs `sandbox` = \"bwrap\""));
        let odd = ServerLimits { memory: Some("much".to_owned()), ..ServerLimits::default() };
        assert!(wrapped(&plain(&odd), None).unwrap_err().contains("\"much\""));
        let none = ServerLimits::default();
        let nobody = Isolation { run_as: Some("no such user"), ..plain(&none) };
        let error = wrapped(&nobody, None).unwrap_err();
        assert!(error.contains("run_as"), "{error}");
        if is_root() {
            for root in ["root", "0:0"] {
                let error = wrapped(&Isolation { run_as: Some(root), ..plain(&none) }, None).unwrap_err();
                assert!(error.contains("name another user"), "{error}");
            }
            let many = ServerLimits { processes: Some(9), ..ServerLimits::default() };
            assert!(wrapped(&plain(&many), None).unwrap_err().contains("does not hold for root"));
            let other = Isolation { run_as: Some("65534:65534"), ..plain(&many) };
            assert!(wrapped(&other, None).unwrap().starts_with("prlimit --nproc=9 -- setpriv "));
        }
    }

    #[test]
    fn sizes_and_groups_are_read() {
        let sizes =
            [("1024", Some(1_024)), ("1 KiB", Some(1_024)), ("2gb", Some(2_000_000_000)), ("0", None), ("x", None)];
        for (text, expected) in sizes {
            assert_eq!(bytes(text), expected, "{text}");
        }
        let users = "root:x:0:0:root:/root:/bin/sh\nmcp:x:990:980::/srv:/bin/false\n";
        assert_eq!(group_of(users, "mcp").as_deref(), Some("980"));
        assert_eq!(group_of(users, "990").as_deref(), Some("980"));
        assert_eq!(group_of(users, "x"), None);
    }
}

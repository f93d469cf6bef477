//! Who may keep a connection open when there are many.
//!
//! A connection is a guest's until a request on it has shown a key. Guests have a part of all connections, and those of one
//! address a part of that. Where one more comes, the oldest of the address with the most makes room for it: whoever holds many
//! connections loses its own. A new connection has a moment to show a key, for which it may take what is kept for callers
//! with one, so that these get in whatever the crowd.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::options::Options;

/// Of this many connections one is kept for callers with a key.
const KEPT: usize = 4;
/// How long a new connection may take to show a key, before it has to make room.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait at most before looking for room again.
const LOOK: Duration = Duration::from_millis(50);

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    guests: usize,
    each: usize,
    state: Mutex<State>,
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: usize,
    /// In the order they came.
    guests: BTreeMap<u64, Arc<Peer>>,
    of: HashMap<IpAddr, usize>,
    /// Of callers with a key, by project.
    known: HashMap<String, usize>,
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    id: u64,
    came: Instant,
    address: IpAddr,
    /// Others share its address, as behind a proxy.
    is_shared: bool,
    is_known: AtomicBool,
    /// The project in whose share it is known, once it is.
    project: OnceLock<String>,
    /// Requests under way that were let in by a signed URL.
    busy: AtomicUsize,
    left: AtomicBool,
    leave: Notify,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    peer: Arc<Peer>,
}

/// Keeps a guest's connection open while a request is answered that a signed URL let in.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Peer>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Peer {
    /// Where the connection comes from; none where others share the address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        (!self.is_shared).then_some(self.address)
    }

    /// Whether others share its address, as behind a proxy.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Keeps the connection open meanwhile.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether the connection had to make room for another.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    fn may_leave(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

impl Connections {
    pub(crate) fn new(options: &Options) -> Self {
        let limit = options.connections.max(1);
        let guests = limit - limit / KEPT;
        let each = options.connections_per_address.unwrap_or(limit / 2).clamp(1, limit);
        Self { limit, guests, each, state: Mutex::default(), left: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for one more, or someone who can make room.
    pub(crate) async fn room(&self) {
        loop {
            let left = self.left.notified();
            {
                let state = self.state();
                if state.open < self.limit || state.guests.values().any(|peer| peer.may_leave()) {
                    return;
                }
            }
            // A guest that is busy becomes free without telling.
            let _ = tokio::time::timeout(LOOK, left).await;
        }
    }

    /// A place for one more connection; none where only others could make room that are being served. The number is of
    /// those that had to.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, is_shared: bool, now: Instant) -> Option<(Place, usize)> {
        let address = network(address);
        let mut state = self.state();
        let mut left = 0;
        let old = now.checked_sub(GRACE);
        let is_old = |peer: &Peer| old.is_some_and(|old| peer.came <= old);
        if !is_shared && state.of.get(&address).is_some_and(|open| *open >= self.each) {
            left += usize::from(state.dismiss(|peer| peer.address == address && is_old(peer)));
        }
        while state.open >= self.limit || state.guests.len() >= self.guests {
            let most = state.of.iter().max_by_key(|(_, open)| **open).map(|(address, _)| *address);
            let of_most = |peer: &Peer| Some(peer.address) == most;
            if state.dismiss(|peer| of_most(peer) && is_old(peer)) || state.dismiss(is_old) {
                left += 1;
            } else if state.open < self.limit {
                break;
            } else if state.dismiss(of_most) || state.dismiss(|_| true) {
                left += 1;
            } else {
                return None;
            }
        }
        let peer = Arc::new(Peer {
            id: state.next,
            came: now,
            address,
            is_shared,
            is_known: AtomicBool::new(false),
            project: OnceLock::new(),
            busy: AtomicUsize::new(0),
            left: AtomicBool::new(false),
            leave: Notify::new(),
        });
        state.next += 1;
        state.open += 1;
        *state.of.entry(address).or_default() += 1;
        state.guests.insert(peer.id, Arc::clone(&peer));
        Some((Place { connections: Arc::clone(self), peer }, left))
    }

    /// The caller has a key of a project, and is no guest any more, unless the project has its share of connections, or some have
    /// to stay for others.
    pub(crate) fn knows(&self, peer: &Peer, project: &str) {
        // Told by each request, and news only by the first.
        if peer.is_known.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        let (of_project, of_all) =
            (state.known.get(project).copied().unwrap_or(0), state.known.values().sum::<usize>());
        let has_room = of_project < (self.limit / 2).max(1) && of_all < (self.limit - self.limit / 8).max(1);
        if has_room && !peer.is_known.swap(true, Ordering::Relaxed) && peer.project.set(project.to_owned()).is_ok() {
            *state.known.entry(project.to_owned()).or_default() += 1;
            state.forget(peer);
        }
    }
}

impl State {
    /// Has the oldest guest of these leave, if there is one.
    fn dismiss(&mut self, of: impl Fn(&Peer) -> bool) -> bool {
        let found = self.guests.values().find(|peer| peer.may_leave() && of(peer));
        let Some(peer) = found.map(Arc::clone) else { return false };
        self.forget(&peer);
        self.open = self.open.saturating_sub(1);
        peer.left.store(true, Ordering::Relaxed);
        peer.leave.notify_one();
        true
    }

    fn forget(&mut self, peer: &Peer) {
        if self.guests.remove(&peer.id).is_none() {
            return;
        }
        if let Some(open) = self.of.get_mut(&peer.address) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.of.remove(&peer.address);
            }
        }
    }
}

impl Place {
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Resolves when the connection must make room for another.
    pub(crate) async fn dismissed(&self) {
        self.peer.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        state.forget(&self.peer);
        if let Some(project) = self.peer.project.get()
            && let Some(known) = state.known.get_mut(project)
        {
            *known = known.saturating_sub(1);
            if *known == 0 {
                state.known.remove(project);
            }
        }
        // One that made room for another is counted no more.
        if !self.peer.has_left() {
            state.open = state.open.saturating_sub(1);
        }
        drop(state);
        self.connections.left.notify_one();
    }
}

/// What one client has: an IPv4 address, or the /64 network of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn connections(limit: usize, each: usize) -> Arc<Connections> {
        let mut options = Options::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        (options.connections, options.connections_per_address) = (limit, Some(each));
        Arc::new(Connections::new(&options))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn has_left(place: &Place) -> bool {
        place.peer.has_left()
    }

    #[test]
    fn who_has_the_most_makes_room() {
        let (connections, start) = (connections(8, 4), Instant::now());
        let mut second = 0;
        let mut enter = |last| {
            second += 2;
            connections.enter(address(last), false, start + Duration::from_secs(second))
        };
        let many: Vec<_> = (0..4).map(|_| enter(1).unwrap().0).collect();
        let one = enter(2).unwrap().0;
        // The fifth of an address takes the place of its first.
        let (fifth, left) = enter(1).unwrap();
        assert_eq!((left, has_left(&many[0]), has_left(&one)), (1, true, false));
        // A quarter is kept for callers with a key.
        let (_third, left) = enter(3).unwrap();
        assert_eq!(left, 0);
        let (_fourth, left) = enter(4).unwrap();
        assert_eq!((left, has_left(&many[1]), has_left(&one)), (1, true, false));
        // One with a key is asked to leave by nobody, and no longer counts for its address.
        connections.knows(many[2].peer(), "shop");
        for last in 5..60 {
            enter(last).unwrap();
        }
        assert!(!has_left(&many[2]));
        drop((fifth, many, one));
    }

    #[test]
    fn a_new_connection_has_a_moment() {
        let (connections, start) = (connections(8, 2), Instant::now());
        let enter = |last, at| connections.enter(address(last), false, start + Duration::from_millis(at));
        // Others fill what is for guests, and more come from the caller's own address than it may have.
        let crowd: Vec<_> = (10..16).map(|last| enter(last, 0).unwrap().0).collect();
        let caller = enter(1, 2_000).unwrap().0;
        let beside: Vec<_> = (0..4).map(|at| enter(1, 2_100 + at).unwrap().0).collect();
        assert!(!has_left(&caller) && beside.iter().all(|place| !has_left(place)));
        assert_eq!(crowd.iter().filter(|place| has_left(place)).count(), 5);
        // When all are new there is still a last one to come in.
        let more: Vec<_> = (0..9).map(|at| enter(2, 2_200 + at).unwrap().0).collect();
        assert!(has_left(&caller) && !has_left(&more[8]));
        // Who has shown a key stays.
        connections.knows(more[8].peer(), "shop");
        let last: Vec<_> = (0..20).map(|at| enter(3, 2_300 + at).unwrap().0).collect();
        assert!(!has_left(&more[8]) && !has_left(&last[19]));
    }

    #[test]
    fn one_project_does_not_hold_all_connections() {
        let (connections, start) = (connections(16, 16), Instant::now());
        let mut second = 0;
        let mut enter = |last| {
            second += 2;
            connections.enter(address(last), false, start + Duration::from_secs(second))
        };
        let mut places = Vec::new();
        for project in ["shop", "bank", "mill"] {
            for _ in 0..16 {
                let place = enter(1).unwrap().0;
                connections.knows(place.peer(), project);
                places.push(place);
            }
        }
        let known = connections.state().known.clone();
        assert_eq!((known["shop"], known.values().sum::<usize>()), (8, 14), "{known:?}");
        // There is always room for one who comes from elsewhere.
        for last in 2..40 {
            let (place, _) = enter(last).unwrap();
            assert!(!has_left(&place));
        }
        drop(places);
        assert!(connections.state().known.is_empty());
    }

    #[test]
    fn a_guest_who_is_served_stays() {
        let connections = connections(2, 2);
        let enter = |last| connections.enter(address(last), false, Instant::now());
        let one = enter(1).unwrap().0;
        let busy = one.peer().busy();
        let two = enter(1).unwrap().0;
        assert!(!has_left(&one));
        let busy_too = two.peer().busy();
        assert!(enter(2).is_none(), "both are served");
        drop((busy, busy_too));
        assert!(enter(2).is_some());
    }

    #[test]
    fn what_left_is_forgotten() {
        let connections = connections(4, 4);
        for last in 0..100 {
            drop(connections.enter(address(last), false, Instant::now()).unwrap());
        }
        let state = connections.state();
        assert!(state.open == 0 && state.guests.is_empty() && state.of.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2::1"), parse("2001:db8:1:2:ffff::9"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:10.0.0.1"), address(1));
    }
}

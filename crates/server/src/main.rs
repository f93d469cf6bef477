//! The program `composio`.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Overwrites what is freed: the libraries that send and receive a credential keep copies of it that nothing else clears.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Lets the allocator have an arena a core. glibc gives each thread one, up to eight a core, and reserves 64 MB of addresses
/// for each, so that a process with a limit on them (`ulimit -v`) has soon none left.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "glibc has no other way to be told, but for a variable before the process starts")]
fn limit_arenas() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = i32::try_from(cores.max(2)).unwrap_or(i32::MAX);
    // SAFETY: it takes numbers, touches nothing but the allocator's own settings, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, arenas);
    }
}

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    limit_arenas();
    composio_server::cli::main()
}

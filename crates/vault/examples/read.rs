//! How long it takes to read a credential out of the vault: prints the median in microseconds.
//!
//!     cargo run --release -p composio-vault --example read

use std::hint::black_box;
use std::time::Instant;

use composio_vault::{Binding, MasterKey, Vault};

const READS: usize = 20_000;
/// Two long tokens, such as those of providers that write claims into them.
const CREDENTIAL: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (vault, _) = Vault::create(&MasterKey::generate()?)?;
    let row = Binding { project: "default", id: "ca_bench", column: "credential" };
    let sealed = vault.seal(&[b't'; CREDENTIAL], &row)?;
    let mut times = Vec::with_capacity(READS);
    for _ in 0..READS {
        let start = Instant::now();
        black_box(vault.unseal(black_box(&sealed), &row)?);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    println!("{}", times.get(READS / 2).copied().unwrap_or(f64::NAN));
    Ok(())
}

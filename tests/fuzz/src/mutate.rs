//! Mutations of known inputs, the same for the same seed.

use fastrand::Rng;

/// Texts that decide something.
const TOKENS: [&str; 24] = [
    "null",
    "true",
    "[]",
    "{}",
    "-1",
    "0",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\u{feff}",
    "\"../../x\"",
    "[[[[[[[[",
    "]]]]",
    "\"$ref\":",
    ",",
    ":",
    "\n",
    "''",
    "[[mcp]]\n",
    "${",
    "$$",
    "=",
];

/// Endless inputs: each is one of the corpus, changed in one to eight places.
pub fn mutations(corpus: &[Vec<u8>], seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Rng::with_seed(seed);
    std::iter::repeat_with(move || {
        let mut input = random.choice(corpus).cloned().unwrap_or_default();
        for _ in 0..random.usize(1..=8) {
            change(&mut input, corpus, &mut random);
        }
        input
    })
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(0..=input.len());
    let to = random.usize(at..=input.len().min(at + 16));
    match random.u8(0..7) {
        0 => input.insert(at, random.u8(..)),
        1 => drop(input.drain(at..to)),
        2 => input.splice(at..to, random.choice(TOKENS).unwrap_or_default().bytes()).for_each(drop),
        3 => input.splice(at..at, random.choice(TOKENS).unwrap_or_default().bytes()).for_each(drop),
        4 => input.truncate(at),
        5 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.u8(0..8);
            }
        }
        // The rest of another.
        _ => {
            let other = random.choice(corpus).cloned().unwrap_or_default();
            let from = random.usize(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}

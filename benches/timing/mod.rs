//! Several ways to do the same, timed in turn: the machine is shared, and what disturbs one disturbs all.

use std::time::Duration;

/// One of the ways.
pub(crate) struct Way<'a> {
    name: &'static str,
    every: usize,
    run: Box<dyn FnMut() -> anyhow::Result<Duration> + 'a>,
}

impl<'a> Way<'a> {
    /// A way that is run in every so many rounds (a slow one in fewer), and says itself how long it took.
    pub(crate) fn new(
        name: &'static str,
        every: usize,
        run: impl FnMut() -> anyhow::Result<Duration> + 'a,
    ) -> Self {
        Self { name, every, run: Box::new(run) }
    }
}

/// Runs the ways in turn (each round begins with another of them) and gives the median of each; prints them.
pub(crate) fn medians(rounds: usize, mut ways: Vec<Way<'_>>) -> anyhow::Result<Vec<Duration>> {
    let mut took: Vec<Vec<Duration>> = ways.iter().map(|_| Vec::new()).collect();
    let count = ways.len();
    for round in 0..rounds {
        for turn in 0..count {
            let at = (round + turn) % count;
            let way = &mut ways[at];
            if round % way.every == 0 {
                took[at].push((way.run)()?);
            }
        }
    }
    for (way, took) in ways.iter().zip(&mut took) {
        took.sort_unstable();
        println!(
            "{:<44} {:>9} median of {:>3}, from {} to {}",
            way.name,
            ms(middle(took)),
            took.len(),
            ms(took[0]),
            ms(took[took.len() - 1]),
        );
    }
    Ok(took.iter().map(|took| middle(took)).collect())
}

fn middle(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() / 2]
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

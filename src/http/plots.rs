//! Plots that are drawn already, each kept until the next report of its target.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::assets::CachedAsset;
use crate::page::plot::Theme;
use crate::report::Report;

/// How many bytes of plots are kept; the oldest go first.
const MOST_BYTES: usize = 16 << 20;

/// Which plot: hub, node, repo and theme.
pub(super) type PlotKey = (String, String, String, Theme);

/// The plots that are kept.
#[derive(Debug, Default)]
pub(super) struct Plots(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// With the report that it was drawn of; a weak link, so that no report outlives its target's next one.
    asset: HashMap<PlotKey, (Weak<Report>, CachedAsset)>,
    /// The oldest first.
    order: VecDeque<PlotKey>,
    bytes: usize,
}

impl Plots {
    /// The plot, if it was drawn of this report.
    pub(super) fn get(&self, key: &PlotKey, report: &Arc<Report>) -> Option<CachedAsset> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, asset) = kept.asset.get(key)?;
        std::ptr::eq(of.as_ptr(), Arc::as_ptr(report)).then(|| asset.clone())
    }

    /// Keeps a plot in the place of the one before.
    pub(super) fn keep(&self, key: PlotKey, report: &Arc<Report>, asset: CachedAsset) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += asset.size();
        match kept.asset.insert(key.clone(), (Arc::downgrade(report), asset)) {
            Some((_, before)) => kept.bytes -= before.size(),
            None => kept.order.push_back(key),
        }
        while kept.bytes > MOST_BYTES
            && let Some(oldest) = kept.order.pop_front()
        {
            if let Some((_, gone)) = kept.asset.remove(&oldest) {
                kept.bytes -= gone.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{healthy, report};

    fn key(repo: &str) -> PlotKey {
        ("ZZ".into(), "SDU".into(), repo.into(), Theme::Light)
    }

    #[test]
    fn plot_is_kept_until_the_next_report() {
        let plots = Plots::default();
        let [first, second] = [0, 1].map(|_| Arc::new(report([("svn/env", healthy())])));
        plots.keep(key("svn/env"), &first, CachedAsset::svg("<svg/>".into()));
        assert!(plots.get(&key("svn/env"), &first).is_some());
        assert!(plots.get(&key("svn/env"), &second).is_none(), "an equal report is another one");
        assert!(plots.get(&key("svn/other"), &first).is_none());
    }

    #[test]
    fn oldest_plots_make_room() {
        let plots = Plots::default();
        let of = Arc::new(report([]));
        for n in 0..20 {
            let svg: String = (0..1 << 20).map(|at: u32| char::from(b'a' + (at * n % 26) as u8)).collect();
            plots.keep(key(&n.to_string()), &of, CachedAsset::svg(svg));
        }
        assert!(plots.get(&key("0"), &of).is_none());
        assert!(plots.get(&key("19"), &of).is_some());
        assert!(plots.0.lock().is_ok_and(|kept| kept.bytes <= MOST_BYTES));
    }
}

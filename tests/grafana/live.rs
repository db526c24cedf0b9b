//! What the dashboards say of real nodes, scraped by a real Prometheus.

use std::path::Path;

use testbed::demo::Pace;
use testbed::{Demo, poll};

use crate::answers::{SMALLEST_STEP, substituted};
use crate::dashboard::{Dashboard, text};

/// Of the demo.
const HUBS: [&str; 4] = ["C2", "G", "WW", "ZZ"];

#[test]
fn every_stat_and_table_has_an_answer_for_every_hub_of_the_demo() {
    let demo = Demo::start(Path::new(env!("CARGO_BIN_EXE_scm-backup-exporter")), Pace::CHECK).unwrap();
    demo.wait_for_rows().unwrap();
    let mut asked = 0;
    for dashboard in Dashboard::all() {
        for panel in dashboard.panels() {
            for target in panel.targets().iter().filter(|target| target["instant"] == true) {
                for hub in HUBS {
                    let query = substituted(text(&target["expr"]), hub, ".*", SMALLEST_STEP);
                    let place = format!("{panel}, {}, hub {hub}: {query}", target["refId"]);
                    // What a node gives with its second report may be asked for before that.
                    let answer = poll::until(&place, || {
                        let samples = demo.prometheus().query(&query)?;
                        Ok((!samples.is_empty()).then_some(samples))
                    });
                    answer.unwrap_or_else(|error| panic!("{error:#}"));
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 100, "only {asked} queries were asked");
    demo.end().unwrap();
}

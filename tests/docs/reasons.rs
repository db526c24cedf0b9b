//! The closed set of reasons against the troubleshooting table.

use std::collections::BTreeSet;

use scm_backup_exporter::probe::failure::Reason;

use crate::page::{TROUBLESHOOTING, assert_same, code_words, table};

#[test]
fn every_reason_has_a_row_that_says_what_to_do() {
    let rows = table(TROUBLESHOOTING.section("By reason"), "reason");
    let documented = rows.iter().map(|row| code_words(&row[0])[0]).collect();
    assert_same(&documented, &BTreeSet::from(Reason::ALL.map(Reason::as_str)));
    for row in rows {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

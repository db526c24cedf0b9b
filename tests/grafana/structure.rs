//! How a dashboard is made.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dashboard::{Dashboard, Panel, list, text};

/// Colours of states. All are of the Okabe-Ito palette, made for the colour-blind, but for the grey.
const COLOURS: [&str; 6] = ["#0072B2", "#E69F00", "#D55E00", "#56B4E9", "#8A8F98", "text"];

fn each_panel(mut check: impl FnMut(&Panel<'_>)) {
    for dashboard in Dashboard::all() {
        dashboard.panels().iter().for_each(&mut check);
    }
}

/// Every object and value in a value, with the key under which it stands.
fn walk<'a>(value: &'a Value, key: &'a str, see: &mut impl FnMut(&'a str, &'a Value)) {
    see(key, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(key, member)| walk(member, key, see)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, key, see)),
        _ => {}
    }
}

#[test]
fn dashboards_are_the_ones_that_others_lead_to() {
    let uids: Vec<String> = Dashboard::all().iter().map(|dashboard| dashboard.uid().to_owned()).collect();
    assert_eq!(uids, ["scm-backup-exporter", "scm-backup-hub", "scm-backup-hubs"]);
    for dashboard in Dashboard::all() {
        assert_eq!(dashboard.file.file_stem().unwrap().to_str().unwrap(), dashboard.uid());
    }
}

#[test]
fn dashboards_keep_the_conventions() {
    let mut titles = BTreeSet::new();
    for dashboard in Dashboard::all() {
        let (json, uid) = (&dashboard.json, dashboard.uid());
        assert!((39..=42).contains(&json["schemaVersion"].as_u64().unwrap()), "{uid}");
        assert!(titles.insert(text(&json["title"]).to_owned()), "{uid}: another has its title");
        assert!(!text(&json["description"]).is_empty(), "{uid}: no description");
        assert_eq!(json["tags"], serde_json::json!(["scm-backup"]), "{uid}");
        assert_eq!(json["time"]["from"], "now-30d", "{uid}");
        // The crosshair is shared.
        assert_eq!(json["graphTooltip"], 1, "{uid}");
        assert_eq!(json["editable"], false, "{uid}");
        assert!(json["id"].is_null() && json["__inputs"].is_null(), "{uid}: was exported, not written");
        let link = &json["links"][0];
        assert!(
            link["includeVars"] == true && link["keepTime"] == true,
            "{uid}: its links lose variables or time"
        );
    }
}

#[test]
fn panels_have_ids_of_their_own() {
    for dashboard in Dashboard::all() {
        let mut ids = BTreeSet::new();
        for panel in dashboard.panels() {
            let id = panel.json["id"].as_u64().unwrap_or_else(|| panic!("{panel}: no id"));
            assert!(ids.insert(id), "{panel}: another has the id {id}");
        }
    }
}

#[test]
fn panels_do_not_overlap_and_fit_the_grid() {
    for dashboard in Dashboard::all() {
        let panels = dashboard.panels();
        for (index, one) in panels.iter().enumerate() {
            let [x, y, w, h] = one.place();
            assert!(w > 0 && h > 0 && x + w <= 24, "{one}: does not fit");
            for other in &panels[index + 1..] {
                let [ox, oy, ow, oh] = other.place();
                let apart = x + w <= ox || ox + ow <= x || y + h <= oy || oy + oh <= y;
                assert!(apart, "{one} and {other} overlap");
            }
        }
    }
}

#[test]
fn every_data_source_is_the_variable() {
    for dashboard in Dashboard::all() {
        let mut seen = 0;
        walk(&dashboard.json, "", &mut |key, value| {
            if key == "datasource" {
                seen += 1;
                let uid = text(&value["uid"]);
                assert!(matches!(uid, "${datasource}" | "-- Grafana --"), "{}: {value}", dashboard.uid());
            }
        });
        assert!(seen > 10, "{}: {seen}", dashboard.uid());
        assert_eq!(dashboard.variables()[0]["name"], "datasource");
    }
}

#[test]
fn variables_are_the_ones_that_links_pass_on() {
    let of = |uid: &str| -> Vec<String> {
        let dashboard = Dashboard::all().into_iter().find(|dashboard| dashboard.uid() == uid).unwrap();
        dashboard.variables().iter().map(|variable| text(&variable["name"]).to_owned()).collect()
    };
    assert_eq!(of("scm-backup-hub"), ["datasource", "hub", "node"]);
    let mut links = 0;
    for dashboard in Dashboard::all() {
        walk(&dashboard.json, "", &mut |key, value| {
            let Some((uid, query)) = text(value).strip_prefix("/d/").and_then(|link| link.split_once('?'))
            else {
                return;
            };
            assert_eq!(key, "url");
            links += 1;
            let variables = of(uid);
            for part in query.split('&').filter_map(|part| part.strip_prefix("var-")) {
                let name = part.split('=').next().unwrap().to_owned();
                assert!(variables.contains(&name), "{uid} has no variable {name}");
            }
            assert!(query.ends_with("${__url_time_range}"), "{value} loses the time");
        });
    }
    assert_eq!(links, 2);
}

#[test]
fn every_panel_has_a_title_and_says_what_it_shows() {
    each_panel(|panel| {
        assert!(!panel.title().is_empty(), "{panel}");
        if !matches!(panel.kind(), "row" | "text") {
            assert!(text(&panel.json["description"]).ends_with('.'), "{panel}: no description");
            assert!(!panel.targets().is_empty(), "{panel}: no query");
            assert!(
                !text(&panel.fields().0["noValue"]).is_empty(),
                "{panel}: says `No data` where there is none"
            );
        }
    });
}

#[test]
fn every_field_has_a_unit() {
    each_panel(|panel| {
        let (defaults, overrides) = panel.fields();
        match panel.kind() {
            "row" | "text" => {}
            "table" => {
                let columns = &panel.json["transformations"][1]["options"];
                for (raw, shown) in columns["renameByName"].as_object().unwrap() {
                    let is_hidden = columns["excludeByName"][raw] == true;
                    let has_unit = overrides.iter().any(|field| {
                        let ids = list(&field["properties"]).iter().map(|property| text(&property["id"]));
                        field["matcher"]["options"] == *shown
                            && ids.into_iter().any(|id| matches!(id, "unit" | "mappings"))
                    });
                    // What is not a value is a label, and a text.
                    assert!(
                        has_unit || is_hidden || !raw.starts_with("Value"),
                        "{panel}: {shown} has no unit"
                    );
                }
            }
            _ => assert!(!text(&defaults["unit"]).is_empty(), "{panel}: no unit"),
        }
    });
}

#[test]
fn state_colours_can_be_told_by_the_colour_blind_and_every_state_is_a_word() {
    let mut states = 0;
    each_panel(|panel| {
        walk(&panel.json["fieldConfig"], "", &mut |key, value| match key {
            "steps" if value.is_object() => {
                assert!(COLOURS.contains(&text(&value["color"])), "{panel}: {value}");
            }
            "fixedColor" => assert!(COLOURS.contains(&text(value)), "{panel}: {value}"),
            _ if value["text"].is_string() && value["index"].is_u64() => {
                states += usize::from(value["color"].is_string());
                assert!(
                    value["color"].is_null() || COLOURS.contains(&text(&value["color"])),
                    "{panel}: {value}"
                );
                assert!(!text(&value["text"]).is_empty(), "{panel}: a state without a word");
            }
            _ => {}
        });
    });
    assert!(states > 20, "only {states} states were looked at");
}

/// A limit comes from its metric. What may stand in a threshold is zero, one of something, or the whole of a limit.
#[test]
fn no_limit_is_written_into_a_dashboard() {
    each_panel(|panel| {
        walk(&panel.json["fieldConfig"], "", &mut |key, value| {
            if key == "steps" && value.is_object() {
                assert!(
                    value["value"].is_null() || value["value"] == 0 || value["value"] == 1,
                    "{panel}: {value}"
                );
            }
        });
        for target in panel.targets() {
            for limit in ["93600", "86400 *", "26 *", "0.8"] {
                assert!(!text(&target["expr"]).contains(limit), "{panel}: {limit}");
            }
        }
    });
}

/// A step is longer than a night's trouble at a year's zoom: what lasts shorter must be looked for within the step.
#[test]
fn states_over_time_see_what_is_shorter_than_a_step() {
    each_panel(|panel| {
        if panel.kind() == "state-timeline" {
            for target in panel.targets() {
                let expression = text(&target["expr"]);
                assert!(
                    expression.contains("_over_time(") && expression.contains("[$__rate_interval]"),
                    "{panel}"
                );
            }
        }
        let is_over_time = matches!(panel.kind(), "state-timeline" | "timeseries");
        for target in panel.targets() {
            assert_eq!(target["range"] == true, is_over_time, "{panel}");
            assert_eq!(target["interval"] == "2m", is_over_time, "{panel}: no smallest step");
        }
    });
}

#[test]
fn manual_names_every_dashboard_and_shows_a_picture_that_is_soon_loaded() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = std::fs::read_to_string(root.join("docs/dashboards.md")).unwrap();
    for dashboard in Dashboard::all() {
        let (title, uid) = (text(&dashboard.json["title"]), dashboard.uid());
        let row = format!("| [{title}](../grafana/dashboards/{uid}.json) | `{uid}` |");
        assert!(manual.contains(&row), "{row}");
    }
    let picture = root.join("grafana/hub.png");
    assert!(manual.contains("](../grafana/hub.png)"));
    assert!(std::fs::metadata(picture).unwrap().len() <= 300_000);
}

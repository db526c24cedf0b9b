//! Reading the `Dockerfile`.

use std::fs;

use crate::file::project;

/// The instructions with their arguments, each on one line, without comments.
pub fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(project("Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let lines = lines.replace("\\\n", " ");
    let instruction = |line: &str| {
        let (name, arguments) = line.split_once(' ').unwrap();
        (name.to_owned(), words(arguments).join(" "))
    };
    lines.lines().filter(|line| !line.is_empty()).map(instruction).collect()
}

/// The stages in their order, each with its name, what it comes from, and its instructions.
pub fn stages() -> Vec<(String, String, Vec<(String, String)>)> {
    let mut stages: Vec<(String, String, Vec<(String, String)>)> = Vec::new();
    for (name, arguments) in instructions() {
        if name == "FROM" {
            let (from, stage) = arguments.split_once(" AS ").expect("a stage without a name");
            stages.push((stage.to_owned(), from.to_owned(), Vec::new()));
        } else {
            stages.last_mut().unwrap().2.push((name, arguments));
        }
    }
    stages
}

/// The arguments of an instruction that a stage has once.
#[track_caller]
pub fn instruction(stage: &str, name: &str) -> String {
    let stages = stages();
    let (_, _, instructions) = stages.iter().find(|(known, ..)| known == stage).expect(stage);
    let mut found = instructions.iter().filter(|(known, _)| known == name);
    let (_, arguments) = found.next().unwrap_or_else(|| panic!("{stage} has no {name}"));
    assert!(found.next().is_none(), "{stage} has more than one {name}");
    arguments.clone()
}

/// The words of a text.
pub fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

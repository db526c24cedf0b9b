//! Reading the `Dockerfile`.

use std::fs;

use crate::file::project;

/// A stage: its name, what it begins with, and what is done then.
pub struct Stage {
    pub name: String,
    pub from: String,
    pub instructions: Vec<Instruction>,
}

/// As `COPY`, with what follows it on this line and those that continue it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instruction {
    pub name: String,
    pub arguments: String,
}

impl Stage {
    /// The arguments of all instructions of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.instructions.iter().filter(move |known| known.name == name).map(|known| &*known.arguments)
    }
}

/// The stages in their order.
pub fn stages() -> Vec<Stage> {
    let text = fs::read_to_string(project("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let mut stages: Vec<Stage> = Vec::new();
    for line in lines.join("\n").replace("\\\n", " ").lines() {
        let (name, arguments) = line.split_once(' ').unwrap();
        let arguments = words(arguments).join(" ");
        if name == "FROM" {
            let (from, stage) = arguments.split_once(" AS ").expect("a stage without a name");
            stages.push(Stage { name: stage.to_owned(), from: from.to_owned(), instructions: Vec::new() });
        } else {
            stages.last_mut().unwrap().instructions.push(Instruction { name: name.to_owned(), arguments });
        }
    }
    stages
}

/// The stage of a name.
#[track_caller]
pub fn stage(name: &str) -> Stage {
    stages()
        .into_iter()
        .find(|stage| stage.name == name)
        .unwrap_or_else(|| panic!("there is no stage {name}"))
}

/// The arguments of an instruction that a stage has once.
#[track_caller]
pub fn instruction(of_stage: &str, name: &str) -> String {
    let stage = stage(of_stage);
    let all: Vec<&str> = stage.all(name).collect();
    let [one] = all[..] else { panic!("{of_stage} has not one {name} but {all:?}") };
    one.to_owned()
}

/// The words of a text.
pub fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

//! The table of a story: what happens, when, where.

/// One line of it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    from: i64,
    to: i64,
    place: Vec<String>,
    what: Vec<String>,
}

/// All lines of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(Vec<Event>);

impl Events {
    /// Reads lines of `FROM[-TO] | PLACE | WHAT`: times as `26h`, `3d`, `26:10`, `always`; a place is as much as is meant of
    /// `HUB NODE REPO`, or `exporter`, `other exporter`, `alertmanager`.
    pub(crate) fn parse(table: &str) -> Self {
        let event = |line: &str| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [times, place, what] = columns[..] else { panic!("no event: {line}") };
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            let (from, to) = match times.split_once('-') {
                _ if times == "always" => (i64::MIN, i64::MAX),
                Some((from, to)) => (time(from), time(to)),
                // A night's backup and its transfers.
                None => (time(times), time(times) + 12 * 3600),
            };
            Event { from, to, place: words(place), what: words(what) }
        };
        Self(table.lines().map(str::trim).filter(|line| !line.is_empty()).map(event).collect())
    }

    /// When the first of them begins, leaving out what always is.
    pub(crate) fn first(&self) -> Option<i64> {
        self.0.iter().map(|event| event.from).filter(|from| *from > i64::MIN).min()
    }

    /// The words after `verb` of the last line about this place and time.
    pub(crate) fn of(&self, at: i64, place: &[&str], verb: &str) -> Option<&[String]> {
        self.find(at, place, verb).map(|event| &event.what[verb.split(' ').count()..])
    }

    /// Since when that is so.
    pub(crate) fn since(&self, at: i64, place: &[&str], verb: &str) -> Option<i64> {
        self.find(at, place, verb).map(|event| event.from)
    }

    fn find(&self, at: i64, place: &[&str], verb: &str) -> Option<&Event> {
        let verb: Vec<&str> = verb.split(' ').collect();
        self.0.iter().rev().find(|event| {
            (event.from..event.to).contains(&at)
                && event.what.len() >= verb.len()
                && event.what.iter().zip(&verb).all(|(word, verb)| word == verb)
                && event.place.len() <= place.len()
                && event.place.iter().zip(place).all(|(meant, here)| meant == "*" || meant == here)
        })
    }
}

/// `26h`, `3d`, `90m`, `26:10`.
pub(crate) fn time(text: &str) -> i64 {
    match text.trim().split_once(':') {
        Some((hours, minutes)) => hours.parse::<i64>().unwrap() * 3600 + minutes.parse::<i64>().unwrap() * 60,
        None => super::rules::seconds(text.trim()),
    }
}

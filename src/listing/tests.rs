//! The parser against well-formed, cut, altered and hostile replies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const BEGIN: &str =
    "scm-backup-listing 1 ab12 BEGIN list=printf awk=yes bounded=yes epoch=1352822400 utc=+0800\n";
const END: &str = "scm-backup-listing 1 ab12 END find=0 awk=0 denied=0 vanished=0 other=0\n";

fn whole_reply() -> Vec<u8> {
    let mut reply = b".bash_profile: line 32: no such file\nlast words of the profile\n".to_vec();
    reply.extend_from_slice(BEGIN.as_bytes());
    reply.extend_from_slice(
        b"R /data/scm fold/backup/dayabay\nS 1000 200\n\
          F 1915051630 1352822423 svn/env/2012/11/13/161023/env-3591.tar.gz\n\
          D 56 1352822424 47 {'dig': '7b87e78cc03ea544', 'size': 1915051630} svn/env/2012/11/13/161023/env-3591.tar.gz.dna\n\
          D 70000 -5 - odd \xff\t\r\x1b name.dna\n\
          D 0 7 0  e.dna\n\
          K 1352822425 LOCKED\n\
          X\nF 0 0 x.gz\nN 7\n\n",
    );
    reply.extend_from_slice(END.as_bytes());
    reply.extend_from_slice(b"noise of a logout script\nwithout newline");
    reply
}

/// The records as text, fed in pieces.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Result<End, ListingError>) {
    let mut records = Vec::new();
    let mut parser = Parser::new("ab12");
    for piece in pieces {
        if let Err(error) = parser.push(piece, &mut |record| records.push(format!("{record:?}"))) {
            return (records, Err(error));
        }
    }
    (records, parser.finish())
}

/// What becomes of a listing with these lines in it.
fn outcome(lines: &[u8], end: &str) -> Result<End, ListingError> {
    read(&[BEGIN.as_bytes(), lines, end.as_bytes()]).1
}

#[test]
fn every_kind_of_record_is_understood() {
    let mut records = Vec::new();
    let mut parser = Parser::new("ab12");
    let reply = whole_reply();
    let owned = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    parser
        .push(&reply, &mut |record| {
            records.push(match record {
                Record::Begin(begin) => format!("{begin:?}"),
                Record::Root(path) => format!("root {}", owned(path)),
                Record::Filesystem { size, avail } => format!("room {size} {avail}"),
                Record::Tarball { size, mtime, path } => format!("tarball {size} {mtime} {}", owned(path)),
                Record::Sidecar { size, mtime, path, content } => {
                    format!("sidecar {size} {mtime} {:?} {:?}", owned(path), content.map(owned))
                }
                Record::Lock { mtime, path } => format!("lock {mtime} {}", owned(path)),
                Record::NewlineInName => "newline".to_owned(),
            });
        })
        .unwrap();
    assert!(parser.is_complete());
    assert_eq!(parser.finish(), Ok(End { unreadable: 0 }));
    let expected = [
        "Begin { method: Printf, reads_sidecars: true, bounded: true, epoch: 1352822400, utc_offset: 28800 }",
        "root /data/scm fold/backup/dayabay",
        "room 1024000 204800",
        "tarball 1915051630 1352822423 svn/env/2012/11/13/161023/env-3591.tar.gz",
        "sidecar 56 1352822424 \"svn/env/2012/11/13/161023/env-3591.tar.gz.dna\" \
         Some(\"{'dig': '7b87e78cc03ea544', 'size': 1915051630}\")",
        "sidecar 70000 -5 \"odd \u{fffd}\\t\\r\\u{1b} name.dna\" None",
        "sidecar 0 7 \"e.dna\" Some(\"\")",
        "lock 1352822425 LOCKED",
        "newline",
        "tarball 0 0 x.gz",
    ];
    assert_eq!(records, expected);
}

#[test]
fn any_chunking_gives_the_same_records() {
    let reply = whole_reply();
    let expected = read(&[&reply]);
    assert_eq!(expected.0.len(), 10);
    for at in 0..=reply.len() {
        assert_eq!(read(&[&reply[..at], &reply[at..]]), expected, "split at {at}");
    }
    for size in 1..=7 {
        assert_eq!(read(&reply.chunks(size).collect::<Vec<_>>()), expected, "chunks of {size}");
    }
}

#[test]
fn a_reply_cut_anywhere_is_an_error() {
    let reply = whole_reply();
    let position = |needle: &str| memchr::memmem::find(&reply, needle.as_bytes()).unwrap();
    let (begun, ended) = (position(BEGIN) + BEGIN.len(), position(END) + END.len());
    for at in 0..ended {
        match read(&[&reply[..at]]).1 {
            Err(ListingError::NoBegin { .. }) => assert!(at < begun, "at {at}"),
            Err(ListingError::Truncated { .. }) => assert!(at >= begun, "at {at}"),
            other => panic!("cut at {at}: {other:?}"),
        }
    }
    assert!(read(&[&reply[..ended]]).1.is_ok());
}

#[test]
fn no_listing_says_what_the_node_said_instead() {
    let said = |reply: &[u8]| match read(&[reply]).1 {
        Err(ListingError::NoBegin { last_words }) => last_words,
        other => panic!("{other:?}"),
    };
    let unavailable = "This account is currently not available.";
    assert_eq!(said(format!("Welcome\n{unavailable}\n\n").as_bytes()).as_deref(), Some(unavailable));
    assert_eq!(said(b"unfinished\x1b[2J").as_deref(), Some("unfinished\\x1b[2J"));
    assert_eq!(said(b""), None);
    // The listing of somebody else's request.
    assert!(said(BEGIN.replace("ab12", "ab13").as_bytes()).is_some());
    let error = read(&[unavailable.as_bytes()]).1.unwrap_err().to_string();
    assert_eq!(error, format!("the node printed no listing but \"{unavailable}\""));
}

#[test]
fn every_refusal_has_its_code_and_other_codes_are_malformed() {
    for code in FailCode::ALL {
        let line = format!("noise\nscm-backup-listing 1 ab12 FAIL {}\n", code.as_str());
        assert_eq!(read(&[line.as_bytes()]).1, Err(ListingError::Refused(code)));
    }
    let error = read(&[b"scm-backup-listing 1 ab12 FAIL on_purpose\n"]).1;
    assert!(matches!(error, Err(ListingError::Malformed { .. })), "{error:?}");
}

#[test]
fn a_script_of_another_version_is_told_apart() {
    let error = read(&[BEGIN.replace("listing 1", "listing 2").as_bytes()]).1;
    assert_eq!(error, Err(ListingError::OtherVersion { found: "2".to_owned() }));
}

#[test]
fn noise_is_bounded() {
    let line = [b'n'; 1000];
    let mut parser = Parser::new("ab12");
    let mut lines = 0;
    let error = loop {
        if let Err(error) = parser.push(&line, &mut |_| ()).and_then(|()| parser.push(b"\n", &mut |_| ())) {
            break error;
        }
        lines += 1;
        assert!(lines < 2000);
    };
    assert_eq!((error, lines), (ListingError::TooMuchNoise, Parser::MAX_NOISE / 1001));

    let mut parser = Parser::new("ab12");
    let refused = (0..3000).find_map(|_| parser.push(&line, &mut |_| ()).err());
    assert_eq!(refused, Some(ListingError::TooMuchNoise));
}

#[test]
fn a_long_path_is_read_and_an_endless_line_is_refused() {
    let line = |length: usize| [b"F 1 1 ".as_slice(), &vec![b'p'; length - 6], b"\nN 1\n"].concat();
    assert!(outcome(&line(Parser::MAX_LINE), END).is_ok());
    let longer = line(Parser::MAX_LINE + 1);
    assert_eq!(outcome(&longer, END), Err(ListingError::LineTooLong));
    let pieces: Vec<&[u8]> = std::iter::once(BEGIN.as_bytes()).chain(longer.chunks(1000)).collect();
    assert_eq!(read(&pieces).1, Err(ListingError::LineTooLong));
}

#[test]
fn hostile_lines_are_malformed() {
    let lines: &[&[u8]] = &[
        b"F",
        b"F ",
        b"F 1",
        b"F 1 2",
        b"F 1 2 ",
        b"F  2 p",
        b"F 1  p",
        b"F -1 2 p",
        b"F +1 2 p",
        b"F 1.5 2 p",
        b"F 18446744073709551616 2 p",
        b"F 1 9223372036854775808 p",
        b"F 1 -9223372036854775809 p",
        b"F 1 - p",
        b"f 1 2 p",
        b"F\t1 2 p",
        b"D 1 2 p",
        b"D 1 2 - ",
        b"D 1 2 9 short p",
        b"D 1 2 18446744073709551615 x p",
        b"D 1 2 3 abcp",
        b"D 1 2 -1 abc p",
        b"L svn/env/last//2012/11/13/161023",
        b"K p",
        b"XX",
        b"X ",
        b"N x",
        b"N 1 ",
        b"S 1",
        b"S 1 1 1",
        b"S 1 -1",
        b"R ",
        b" ",
        b"\0",
        b"scm-backup-listing 1 ab12 END",
        b"scm-backup-listing 1 ab12 BEGIN list=printf awk=yes bounded=yes epoch=1 utc=+0000",
        b"scm-backup-listing 1 ab13 END find=0 awk=0 denied=0 vanished=0 other=0",
        b"scm-backup-listing 1 ab12 END find=0 stat=0 awk=0 denied=0 vanished=0 other=0",
        b"scm-backup-listing 1 ab12 END find=0 denied=0 vanished=0 other=0",
        b"scm-backup-listing 1 ab12 END find=256 awk=0 denied=0 vanished=0 other=0",
        b"scm-backup-listing 1 ab12 END find=0 awk=0 denied=0 vanished=0 other=0 more=1",
        b"N 0\nN 0",
        b"N 0\nF 1 1 p",
        b"F 1 1 p\nR /root",
    ];
    for line in lines {
        let outcome = outcome(&[line, b"\n".as_slice()].concat(), END);
        assert!(
            matches!(outcome, Err(ListingError::Malformed { .. })),
            "{:?}: {outcome:?}",
            line.escape_ascii().to_string()
        );
    }
    for (from, to) in [
        ("printf", "ls"),
        ("awk=yes", "awk=perhaps"),
        ("epoch=", "epoch=-"),
        ("epoch=1352822400", "epoch=9223372036854775808"),
        ("+0800", "0800"),
        ("+0800", "+2500"),
        ("+0800", "+0860"),
        ("+0800", "+8"),
        ("+0800", "CST"),
        ("+0800", "+0800 more=1"),
    ] {
        let outcome = read(&[BEGIN.replace(from, to).as_bytes()]).1;
        assert!(matches!(outcome, Err(ListingError::Malformed { .. })), "{to}: {outcome:?}");
    }
}

#[test]
fn room_that_cannot_be_is_lost_and_nothing_else() {
    for room in [
        // 2^54 KiB, which no u64 holds in bytes, and more than that.
        "18014398509481984 1",
        "18446744073709551616 1",
        "1 99999999999999999999999999",
        "9007199254740992 1",
        "0 0",
        "1000 1001",
    ] {
        let lines = format!("S {room}\nF 1 1 p\nN 1\n");
        let (records, outcome) = read(&[BEGIN.as_bytes(), lines.as_bytes(), END.as_bytes()]);
        assert_eq!(outcome, Ok(End::default()), "{room}");
        assert_eq!(records.len(), 2, "{room}: {records:?}");
    }
}

#[test]
fn the_largest_numbers_are_read() {
    let record = "F 18446744073709551615 -9223372036854775808 p\n";
    let (records, outcome) = read(&[BEGIN.as_bytes(), record.as_bytes(), b"N 1\n", END.as_bytes()]);
    assert_eq!(outcome, Ok(End::default()));
    let path = b"p".as_slice();
    assert_eq!(records[1], format!("{:?}", Record::Tarball { size: u64::MAX, mtime: i64::MIN, path }));
}

#[test]
fn offsets_west_of_utc_are_negative() {
    let (records, _) = read(&[BEGIN.replace("+0800", "-0330").as_bytes()]);
    assert!(records[0].contains("utc_offset: -12600"), "{records:?}");
}

#[test]
fn records_that_got_lost_are_noticed() {
    assert_eq!(outcome(b"F 1 1 p\nN 1\n", END), Ok(End::default()));
    let lost = outcome(b"F 1 1 p\nN 2\n", END);
    assert_eq!(lost, Err(ListingError::CountMismatch { declared: 2, received: 1 }));
    let uncounted = outcome(b"F 1 1 p\n", END);
    assert_eq!(uncounted, Err(ListingError::CountMismatch { declared: 0, received: 1 }));
}

#[test]
fn without_awk_nothing_is_counted() {
    let begin = BEGIN.replace("awk=yes", "awk=no");
    let end = END.replace(" awk=0", "");
    assert_eq!(read(&[begin.as_bytes(), b"F 1 1 p\n", end.as_bytes()]).1, Ok(End::default()));
}

#[test]
fn a_listing_is_believed_only_when_every_tool_did_its_work() {
    let begin = BEGIN.replace("printf", "stat").replace("bounded=yes", "bounded=no");
    let believed = |begin: &str, end: &str| {
        let end = format!("scm-backup-listing 1 ab12 END {end}\n");
        match read(&[begin.as_bytes(), b"N 0\n", end.as_bytes()]).1 {
            Ok(End { unreadable }) => format!("ok {unreadable}"),
            Err(ListingError::RemoteTool { tool, status, complaint }) => {
                format!("{tool} {status} {complaint:?}")
            }
            Err(error) => format!("{error:?}"),
        }
    };
    let stat = |end| believed(&begin, end);
    assert_eq!(stat("find=0 stat=0 awk=0 denied=0 vanished=0 other=0"), "ok 0");
    assert_eq!(stat("find=1 stat=123 awk=0 denied=2 vanished=3 other=0"), "ok 2");
    assert_eq!(stat("find=0 stat=1 awk=0 denied=0 vanished=1 other=0"), "ok 0");
    assert_eq!(stat("find=1 stat=0 awk=0 denied=0 vanished=0 other=0"), "find 1 None");
    assert_eq!(stat("find=2 stat=0 awk=0 denied=1 vanished=0 other=0"), "find 2 None");
    assert_eq!(stat("find=137 stat=0 awk=0 denied=0 vanished=0 other=0"), "find 137 None");
    assert_eq!(stat("find=0 stat=123 awk=0 denied=0 vanished=0 other=0"), "stat 123 None");
    assert_eq!(stat("find=0 stat=127 awk=0 denied=1 vanished=0 other=0"), "stat 127 None");
    assert_eq!(stat("find=0 stat=0 awk=2 denied=1 vanished=0 other=0"), "awk 2 None");
    let complaint =
        "find=1 stat=0 awk=0 denied=1 vanished=0 other=1 complaint=find: './a\x1b': Input/output error";
    assert_eq!(stat(complaint), "find 1 Some(\"find: './a\\\\x1b': Input/output error\")");
    for status in [124, 137, 143] {
        let end = format!("find={status} awk=0 denied=0 vanished=0 other=0");
        assert_eq!(believed(BEGIN, &end), "OutOfTime");
        let end = format!("find=141 awk={status} denied=0 vanished=0 other=0");
        assert_eq!(believed(BEGIN, &end), "OutOfTime");
    }
}

#[test]
fn altered_replies_never_panic_and_never_grow() {
    let original = whole_reply();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut reply = original.clone();
        for _ in 0..=random(3) {
            let at = random(reply.len());
            match random(5) {
                0 => reply[at] = u8::try_from(random(256)).unwrap(),
                1 => drop(reply.remove(at)),
                2 => reply.insert(at, b"\n 0-/9FDLKXNRS"[random(14)]),
                3 => drop(reply.drain(at..(at + random(100)).min(reply.len()))),
                _ => {
                    let copied = reply[at..(at + random(100)).min(reply.len())].to_vec();
                    let to = random(reply.len());
                    drop(reply.splice(to..to, copied));
                }
            }
        }
        let cut = random(reply.len());
        let (records, outcome) = read(&[&reply[..cut], &reply[cut..]]);
        assert!(records.len() <= reply.len() / 2);
        if outcome.is_ok() { accepted += 1 } else { refused += 1 }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

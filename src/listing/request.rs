//! The request that is sent to a node.

use std::fmt::Write as _;
use std::time::Duration;

use super::compact::compact;

/// The source of the probe script.
const SCRIPT: &str = include_str!("probe.sh");

/// A request for a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Directory to list, as the configuration gives it: the node resolves a leading `~`, `$NAME` or `${NAME}`.
    pub root: &'a str,
    /// The time limit on the node, rounded up to seconds, after which the node ends the listing itself. `None`: the node
    /// ends nothing, not even a tool that hangs.
    pub time_limit: Option<Duration>,
}

impl Request<'_> {
    /// The command for the node's login shell: plain words, which every shell parses alike. `shell` is the POSIX shell
    /// that runs the script; `nonce` is lower-case hexadecimal digits that the reply must contain.
    pub fn command(&self, shell: &str, nonce: &str) -> String {
        format!("{shell} -s {nonce} {}", self.key())
    }

    /// The command's standard input.
    pub fn script(&self) -> Vec<u8> {
        let root = posix_quoted(self.root);
        format!("root={root} limit={} allowed=\n{}", self.limit(), compact(SCRIPT)).into_bytes()
    }

    /// The key of the root in a command. It is a digest, since a root may contain characters that a shell would change.
    /// It only selects one of the allowed roots, so it need not resist deliberate collisions.
    fn key(&self) -> String {
        // FNV-1a, 64 bits: the result must not change between releases.
        let digest = self.root.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{digest:016x}")
    }

    /// In seconds; empty is for ever.
    fn limit(&self) -> String {
        match self.time_limit {
            Some(limit) => limit.as_nanos().div_ceil(1_000_000_000).max(1).to_string(),
            None => String::new(),
        }
    }
}

/// The options of a line in `authorized_keys` that allow these listings and nothing else. The public key must follow after
/// a space.
///
/// The line contains the whole script as arguments of `printf`, in characters that sh, csh and fish all keep literally
/// between single quotes. With about 7 KB it fits OpenSSH (old ones take 8 KiB), but not dropbear (4,200 bytes).
pub fn authorized_key_options(shell: &str, requests: &[Request<'_>]) -> String {
    let mut script = String::from(
        // To take the last word of a very long text keeps some shells busy for minutes.
        "root= limit= allowed= asked=${SSH_ORIGINAL_COMMAND-}\ncase ${#asked} in\n????*) asked= ;;\nesac\n\
         allow() {\nallowed=\"$allowed\t$2\"\n[ \"$1\" = \"${asked##* }\" ] && root=$2 limit=${3-}\n}\n",
    );
    let mut keys = Vec::new();
    for request in requests {
        let key = request.key();
        if !keys.contains(&key) {
            // Writing to a String cannot fail.
            let _ = writeln!(script, "allow {key} {} {}", posix_quoted(request.root), request.limit());
            keys.push(key);
        }
    }
    script.push_str(&compact(SCRIPT));
    let mut command = String::from("printf '%b'");
    let mut argument = String::new();
    for line in script.split_inclusive('\n') {
        percent_b_escape_into(&mut argument, line);
        // Some versions of csh limit words to 1,024 bytes.
        if argument.len() > 900 {
            let _ = write!(command, " '{argument}'");
            argument.clear();
        }
    }
    let _ = write!(command, " '{argument}' | {shell}");
    format!("restrict,command=\"{}\"", command.replace('"', "\\\""))
}

/// Any text as one word for a POSIX shell.
fn posix_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Escapes for `printf %b` what some shell treats specially between single quotes.
fn percent_b_escape_into(command: &mut String, line: &str) {
    for byte in line.bytes() {
        match byte {
            b'\n' => command.push_str("\\n"),
            b' '..=b'~' if !matches!(byte, b'\'' | b'\\' | b'!') => command.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(command, "\\0{byte:03o}")),
        }
    }
}

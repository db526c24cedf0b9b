//! Every way in that `ssh` has works as it does in a terminal: agent, certificates, Kerberos.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testbed::sshd::Options;
use testbed::{Agent, Authority, Client, Exporter, Realm, Sshd};

use crate::world::{HealthyAndBroken, PATIENT, assert_bad, assert_failed, assert_healthy, program, run_cli};

/// An exporter with these variables in its environment.
fn serve_in(config: &Path, environment: &[(String, String)]) -> Exporter {
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Exporter::start_with(program(), &[config], &[] as &[&str], &environment).unwrap()
}

/// The node `BAD` that lets nobody in but who fulfils `options`, and what the client says to it.
fn node(nodes: &mut HealthyAndBroken, options: Options, client: &[(&str, &str)]) -> Sshd {
    let node = options.start().unwrap();
    nodes.world.know("BAD", &node);
    for (option, value) in client {
        nodes.world.client.set("BAD", option, value).unwrap();
    }
    node
}

#[test]
fn key_that_only_the_agent_holds_is_enough_for_as_long_as_it_holds_it() {
    let mut nodes = HealthyAndBroken::new();
    let agent = Agent::start().unwrap();
    let options = Options::new(&nodes.world.client, nodes.login()).authorized_keys(agent.public_key());
    let node = node(&mut nodes, options, &[("IdentitiesOnly", "no"), ("IdentityAgent", "SSH_AUTH_SOCK")]);
    let socket = ("SSH_AUTH_SOCK".to_owned(), agent.socket().display().to_string());
    let config = nodes.write("");
    let exporter = serve_in(&config, &[socket]);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");

    // The session lives on without the key, which is asked for at the next login only.
    agent.forget_keys().unwrap();
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert_eq!(node.logins(), 1);
    node.kill_connections().unwrap();
    assert_bad(&exporter, "auth", &["Permission denied (publickey"]);
}

#[test]
fn certificate_lets_in_until_it_expires() {
    let mut nodes = HealthyAndBroken::new();
    let authority = Authority::new().unwrap();
    let key = nodes.world.client.key().with_extension("pub");
    let user = nodes.world.client.user().to_owned();
    let options = Options::new(&nodes.world.client, nodes.login())
        .authorized_keys("")
        .set("TrustedUserCAKeys", &authority.public_key_file().display().to_string());
    let node = node(&mut nodes, options, &[]);

    authority.certify_user(&key, &user, "-2d:-1d").unwrap();
    let config = nodes.write("");
    let refused = run_cli(&config, &["probe", "A", "BAD"]);
    assert_eq!(refused.status.code(), Some(3));
    let said =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("Permission denied (publickey"), "{said}");

    authority.certify_user(&key, &user, "-1d:+1d").unwrap();
    let exporter = nodes.world.serve(&config);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert_eq!(node.logins(), 1);
}

#[test]
fn node_whose_host_key_is_certified_needs_no_known_hosts_of_its_own() {
    let mut nodes = HealthyAndBroken::new();
    let authority = Authority::new().unwrap();
    let options = Options::new(&nodes.world.client, nodes.login());
    let node = node(&mut nodes, options, &[]);
    node.certify_host_key(&authority, "127.0.0.1").unwrap();
    nodes.world.client.forget_host_key("BAD").unwrap();
    let config = nodes.write("");
    let unknown = run_cli(&config, &["probe", "A", "BAD"]);
    assert_eq!(unknown.status.code(), Some(3));

    nodes.world.client.trust(&authority).unwrap();
    let exporter = nodes.world.serve(&config);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
}

#[test]
fn kerberos_ticket_is_enough_and_without_one_the_advice_names_it() {
    let mut nodes = HealthyAndBroken::new();
    let user = nodes.world.client.user().to_owned();
    let realm = Realm::start(&user).unwrap();
    let options = Options::new(&nodes.world.client, nodes.login())
        .set("PubkeyAuthentication", "no")
        .set("GSSAPIAuthentication", "yes")
        // Any key of its own will do: it has one for 127.0.0.1, whatever the machine is called.
        .set("GSSAPIStrictAcceptorCheck", "no")
        .environment(realm.of_node());
    let node = node(&mut nodes, options, &[("GSSAPIAuthentication", "yes")]);
    let config = nodes.write("");

    let exporter = serve_in(&config, &realm.of_client());
    assert_bad(&exporter, "auth", &["Permission denied (gssapi-", "klist"]);
    drop(exporter);

    realm.get_ticket(&user).unwrap();
    let exporter = serve_in(&config, &realm.of_client());
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert!(node.log().contains(&format!("Accepted gssapi-with-mic for {user}")), "{}", node.log());
}

#[test]
fn key_with_a_passphrase_is_denied_at_once_since_nobody_can_be_asked() {
    let mut nodes = HealthyAndBroken::new();
    let other = Client::new().unwrap();
    let options = Options::new(&nodes.world.client, nodes.login()).authorized_keys(other.public_key());
    let _node = node(&mut nodes, options, &[]);
    other.set_passphrase("secret").unwrap();
    let exporter = nodes.serve(&format!("key_filename = {}", other.key().display()));
    assert_bad(&exporter, "auth", &["passphrase"]);
}

/// The line of the log that says why node `BAD` fails.
#[track_caller]
fn failure_of_bad(exporter: &Exporter) -> String {
    let log = exporter.log();
    let of_bad = |line: &&str| line.contains("probe failed: ") && line.contains("node=\"BAD\"");
    log.lines().find(of_bad).unwrap_or_else(|| panic!("{log}")).to_owned()
}

#[test]
fn key_file_that_is_of_no_use_is_told_instead_of_a_line_for_the_node() {
    let mut nodes = HealthyAndBroken::new();
    // Another key than that of the ssh configuration is wanted.
    let other = Client::new().unwrap();
    let options = Options::new(&nodes.world.client, nodes.login()).authorized_keys(other.public_key());
    let _node = node(&mut nodes, options, &[]);
    let (key, dir) = (other.key(), nodes.world.dir.path());
    let (open, none) = (dir.join("open"), dir.join("none"));
    fs::copy(&key, &open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let garbage = dir.join("garbage");
    fs::write(&garbage, "PuTTY-User-Key-File-2: ssh-ed25519\n").unwrap();
    fs::set_permissions(&garbage, Permissions::from_mode(0o600)).unwrap();
    let directory = dir.to_owned();
    let public = key.with_extension("pub");
    for (file, said) in [
        (&open, format!("(mode 0644): chmod 600 {}", open.display())),
        (
            &public,
            format!(
                "is a public key: set `key_filename` in [node BAD] to the private key, {}",
                key.display()
            ),
        ),
        (&directory, format!("the key {} is not a file", directory.display())),
        (&none, format!("the key {} does not exist: correct `key_filename`", none.display())),
        (&garbage, "does not contain a private key".to_owned()),
    ] {
        let config = nodes.world.dir.path().join("config.ini");
        let text = fs::read_to_string(nodes.write("")).unwrap();
        let text = text.replace("[node BAD]\n", "");
        fs::write(&config, format!("{text}[node BAD]\nkey_filename = {}\n", file.display())).unwrap();
        let exporter = nodes.world.serve(&config);
        assert_bad(&exporter, "auth", &["Permission denied (publickey", &said]);
        let line = failure_of_bad(&exporter);
        assert!(!line.contains("authorized"), "{line}");
        // The log said it at the start, but of a key whose other half an agent may hold.
        let warning = format!("key_filename {} (node BAD)", file.display());
        assert_eq!(exporter.log().contains(&warning), *file != public, "{}", exporter.log());
    }
}

#[test]
fn next_thing_to_do_is_logged_when_the_first_is_done() {
    let mut nodes = HealthyAndBroken::new();
    let options = Options::new(&nodes.world.client, nodes.login()).authorized_keys("");
    let _node = node(&mut nodes, options, &[]);
    let key = nodes.world.dir.path().join("key");
    fs::copy(nodes.world.client.key(), &key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let exporter = nodes.serve(&format!("key_filename = {}", key.display()));
    assert_bad(&exporter, "auth", &["(mode 0640): chmod 600"]);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert_bad(&exporter, "auth", &["authorized-key BAD"]);
    // Nothing new is no news.
    let before = exporter.log().matches("probe failed").count();
    exporter.text("/metrics").unwrap();
    assert_eq!(exporter.log().matches("probe failed").count(), before);
}

#[test]
fn known_hosts_that_cannot_be_read_are_a_fault_of_ours() {
    let mut nodes = HealthyAndBroken::new();
    let options = Options::new(&nodes.world.client, nodes.login());
    let node = node(&mut nodes, options, &[]);
    let directory = nodes.world.dir.path().display().to_string();
    let config = nodes.write("known_hosts = KNOWN_HOSTS");
    let text = fs::read_to_string(&config).unwrap();
    // Below a file there is nothing to be read, by root either.
    let below_a_file = nodes.world.client.key().join("known_hosts").display().to_string();
    for (known_hosts, what, to_do) in [
        (
            &directory,
            format!("{directory} is a directory"),
            "set `known_hosts` in [node BAD] to the file in it",
        ),
        (&below_a_file, format!("cannot read {below_a_file}"), "or correct `known_hosts` in [node BAD]"),
    ] {
        fs::write(&config, text.replace("KNOWN_HOSTS", known_hosts)).unwrap();
        let exporter = nodes.world.serve(&config);
        assert_bad(&exporter, "internal", &[&what, to_do]);
        let failure = failure_of_bad(&exporter);
        assert!(!failure.contains("log in once"), "{failure}");
        assert_eq!(failure.contains("readable for the user"), *known_hosts == below_a_file, "{failure}");
    }
    assert_eq!(node.logins(), 0);
}

#[test]
fn known_hosts_that_are_not_there_are_named_before_a_key_is_added() {
    let mut nodes = HealthyAndBroken::new();
    let options = Options::new(&nodes.world.client, nodes.login());
    let _node = node(&mut nodes, options, &[]);
    let exporter = nodes.serve("known_hosts = /nonexistent/known_hosts");
    let words = "/nonexistent/known_hosts does not exist: correct `known_hosts` in [node BAD]";
    assert_bad(&exporter, "host_key", &[words, "StrictHostKeyChecking=ask"]);
}

#[test]
fn wrong_user_is_named_as_what_may_be_wrong() {
    let mut nodes = HealthyAndBroken::new();
    let options = Options::new(&nodes.world.client, nodes.login());
    let _node = node(&mut nodes, options, &[]);
    let exporter = nodes.serve("user = bakcup");
    assert_bad(
        &exporter,
        "auth",
        &["bakcup@127.0.0.1: Permission denied", "check that bakcup, the `user` of node BAD"],
    );
    assert_eq!(failure_of_bad(&exporter).matches("authorized-key BAD").count(), 1);
}

/// A node whose key is held to the listing of hub A at `srv1`.
fn held_to_the_listing(nodes: &mut HealthyAndBroken, change: impl Fn(String) -> String) -> Sshd {
    let public_key = nodes.world.client.key().with_extension("pub");
    let config = nodes.world.write("A = BAD GOOD", PATIENT);
    let line = run_cli(&config, &["authorized-key", "BAD", "--public-key", &public_key.to_string_lossy()]);
    let line = change(String::from_utf8(line.stdout).unwrap());
    let options = Options::new(&nodes.world.client, nodes.login().plain()).authorized_keys(line.trim_end());
    node(nodes, options, &[])
}

#[test]
fn misspelt_root_behind_a_forced_key_shows_the_values_to_look_at() {
    let mut nodes = HealthyAndBroken::new();
    let _node = held_to_the_listing(&mut nodes, |line| line);
    let config = nodes.write("");
    let text = fs::read_to_string(&config).unwrap();
    for (misspelt, said) in [
        (
            text.replace("srvnode = srv1", "srvnode = svr1"),
            "`srvnode` of hub A, which is svr1: did you mean srv1?",
        ),
        (
            text.replace("[node BAD]\n", "[node BAD]\nscm_fold = $SMC_FOLD\n"),
            "`scm_fold` of node BAD, which is $SMC_FOLD: did you mean $SCM_FOLD?",
        ),
    ] {
        fs::write(&config, misspelt).unwrap();
        let exporter = nodes.world.serve(&config);
        assert_failed(&exporter.text("/metrics").unwrap(), "A", "BAD", "auth");
        let line = failure_of_bad(&exporter);
        assert!(line.contains("does not allow this directory") && line.contains(said), "{line}");
        assert_eq!(line.matches("authorized-key").count(), 1, "{line}");
        assert!(line.contains("authorized-key BAD"), "{line}");
        // The same at the terminal and on the page.
        let live = run_cli(&config, &["check", "--live"]);
        let live = String::from_utf8(live.stdout).unwrap();
        let page = exporter.text("/hub/A").unwrap();
        for text in [live, page] {
            assert!(text.contains(said) && text.contains("authorized-key BAD"), "{text}");
            assert!(!text.contains("authorized-key NODE"), "{text}");
        }
    }
    fs::write(&config, text).unwrap();
    assert_healthy(&nodes.world.serve(&config).text("/metrics").unwrap(), "A", "BAD");
}

#[test]
fn line_of_another_release_is_to_be_made_anew_and_nothing_else() {
    let mut nodes = HealthyAndBroken::new();
    let _node =
        held_to_the_listing(&mut nodes, |line| line.replace("scm-backup-listing 1", "scm-backup-listing 0"));
    let exporter = nodes.serve("");
    assert_bad(&exporter, "protocol", &["from another release", "scm-backup-exporter authorized-key BAD"]);
    let line = failure_of_bad(&exporter);
    assert_eq!(line.matches("authorized-key").count(), 1, "{line}");
    assert!(!line.contains("profile"), "{line}");
}

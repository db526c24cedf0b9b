//! Every way in that `ssh` has works as it does in a terminal: agent, certificates, Kerberos.

use std::path::Path;

use testbed::sshd::Options;
use testbed::{Agent, Authority, Client, Exporter, Realm, Sshd};

use crate::world::{Beside, assert_bad, assert_healthy, by_hand, program};

/// An exporter with these variables in its environment.
fn serve_in(config: &Path, environment: &[(String, String)]) -> Exporter {
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Exporter::start_with(program(), &[config], &[] as &[&str], &environment).unwrap()
}

/// The node `BAD` that lets nobody in but who fulfils `options`, and what the client says to it.
fn node(beside: &mut Beside, options: Options, client: &[(&str, &str)]) -> Sshd {
    let node = options.start().unwrap();
    beside.world.know("BAD", &node);
    for (option, value) in client {
        beside.world.client.set("BAD", option, value).unwrap();
    }
    node
}

#[test]
fn key_that_only_the_agent_holds_is_enough_for_as_long_as_it_holds_it() {
    let mut beside = Beside::new();
    let agent = Agent::start().unwrap();
    let options = Options::new(&beside.world.client, beside.login()).authorized_keys(agent.public_key());
    let node = node(&mut beside, options, &[("IdentitiesOnly", "no"), ("IdentityAgent", "SSH_AUTH_SOCK")]);
    let socket = ("SSH_AUTH_SOCK".to_owned(), agent.socket().display().to_string());
    let config = beside.write("");
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
    let mut beside = Beside::new();
    let authority = Authority::new().unwrap();
    let key = beside.world.client.key().with_extension("pub");
    let user = beside.world.client.user().to_owned();
    let options = Options::new(&beside.world.client, beside.login())
        .authorized_keys("")
        .set("TrustedUserCAKeys", &authority.public_key_file().display().to_string());
    let node = node(&mut beside, options, &[]);

    authority.certify_user(&key, &user, "-2d:-1d").unwrap();
    let config = beside.write("");
    let refused = by_hand(&config, &["probe", "A", "BAD"]);
    assert_eq!(refused.status.code(), Some(3));
    let said =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("Permission denied (publickey"), "{said}");

    authority.certify_user(&key, &user, "-1d:+1d").unwrap();
    let exporter = beside.world.serve(&config);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
    assert_eq!(node.logins(), 1);
}

#[test]
fn node_whose_host_key_is_certified_needs_no_known_hosts_of_its_own() {
    let mut beside = Beside::new();
    let authority = Authority::new().unwrap();
    let options = Options::new(&beside.world.client, beside.login());
    let node = node(&mut beside, options, &[]);
    node.certify_host_key(&authority, "127.0.0.1").unwrap();
    beside.world.client.forget_host_key("BAD").unwrap();
    let config = beside.write("");
    let unknown = by_hand(&config, &["probe", "A", "BAD"]);
    assert_eq!(unknown.status.code(), Some(3));

    beside.world.client.trust(&authority).unwrap();
    let exporter = beside.world.serve(&config);
    assert_healthy(&exporter.text("/metrics").unwrap(), "A", "BAD");
}

#[test]
fn kerberos_ticket_is_enough_and_without_one_the_advice_names_it() {
    let mut beside = Beside::new();
    let user = beside.world.client.user().to_owned();
    let realm = Realm::start(&user).unwrap();
    let options = Options::new(&beside.world.client, beside.login())
        .set("PubkeyAuthentication", "no")
        .set("GSSAPIAuthentication", "yes")
        // Any key of its own will do: it has one for 127.0.0.1, whatever the machine is called.
        .set("GSSAPIStrictAcceptorCheck", "no")
        .environment(realm.of_node());
    let node = node(&mut beside, options, &[("GSSAPIAuthentication", "yes")]);
    let config = beside.write("");

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
    let mut beside = Beside::new();
    let other = Client::new().unwrap();
    let options = Options::new(&beside.world.client, beside.login()).authorized_keys(other.public_key());
    let _node = node(&mut beside, options, &[]);
    other.set_passphrase("secret").unwrap();
    let exporter = beside.serve(&format!("key_filename = {}", other.key().display()));
    assert_bad(&exporter, "auth", &["passphrase"]);
}

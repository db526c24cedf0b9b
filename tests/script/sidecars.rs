//! What of a sidecar leaves the node.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::node::{Node, Userland};

/// What the node tells of a sidecar with this text.
fn told(node: &Node, text: &str) -> String {
    node.file("a.dna", text);
    let reply = node.list(&node.root()).believed();
    let [sidecar] = reply.of("sidecar")[..] else { panic!("{:?}", reply.records) };
    sidecar.splitn(3, ' ').nth(2).unwrap().to_owned()
}

#[test]
fn a_sidecar_tells_size_and_digest_in_every_spelling_and_nothing_else() {
    let dig = "7b87e78cc03ea544e2ad3abae46eecd1";
    for userland in Userland::ALL {
        let node = Node::new(userland);
        let told = |text: &str| told(&node, text);
        for (text, expected) in [
            (format!("{{'dig': '{dig}', 'size': 1915051630L}}\n"), None),
            (format!("{{'dig': '{dig}', 'size': 1915051630}}"), None),
            (format!("{{'size': 5L, 'dig': '{dig}'}}"), Some(format!("{{'size': 5L, 'dig': '{dig}',}}"))),
            (format!("{{\"size\":5,\"dig\":\"{dig}\"}}"), Some(format!("{{\"size\":5,\"dig\":\"{dig}\",}}"))),
            ("\r\n { 'size' :\t7 , }\n".to_owned(), Some("{ 'size' : 7 ,}".to_owned())),
            ("{'size': 5, 'rev': 3591L, 'host': 'hüb: x, }'}".to_owned(), Some("{'size': 5,}".to_owned())),
            ("{'size': 5, 'size': 6}".to_owned(), Some("{'size': 5, 'size': 6,}".to_owned())),
            ("{'size': 'much'}".to_owned(), Some("{?}".to_owned())),
            ("{'dig': 'odd', 'size': 5}".to_owned(), Some("{? 'size': 5,}".to_owned())),
            ("{}".to_owned(), Some("{}".to_owned())),
        ] {
            let expected = expected.unwrap_or_else(|| text.trim_end().to_owned());
            assert_eq!(told(&text), format!("<{expected}> a.dna"), "{text} with {userland:?}");
        }
        for text in [
            "",
            "5",
            "size: 5",
            "{,}",
            "{'size': }",
            "{'size': -1}",
            "{'size': 1e9}",
            "{'size': 12LL}",
            "{'size': 12",
            "{'size': 12}}",
            "{'size': 12} x",
            "{'size': 12 'dig': 'x'}",
            "{'si\\'ze': 12}",
            "{size: 12}",
            "{'size\": 12}",
        ] {
            assert_eq!(told(text), "unread a.dna", "{text} with {userland:?}");
        }
    }
}

#[test]
fn a_sidecar_exchanged_for_a_link_gives_nothing_of_the_other_files_text() {
    for userland in Userland::ALL {
        for text in [
            "root:$6$secret:19000:0:99999:7:::\n",
            "{'password': 'secret', 'size': 5}",
            "{'secret': 5, 'size': 5}",
            "{'size': 'secret', 'dig': 'secret'}",
            "{'sizesecret': 5, 'size:secret': 6, 'size::secret': 6, \"size'secret\": 7}",
            "{'size': 5} # secret",
            "{'size': 5, secret}",
            "secret {'size': 5}",
        ] {
            let node = Node::new(userland);
            node.file("a.dna", "{'size': 5}");
            fs::set_permissions(node.path("root"), fs::Permissions::from_mode(0o777)).unwrap();
            fs::write(node.path("secret"), text).unwrap();
            // It is exchanged once all is found and before anything is read.
            let exchange = format!(
                "found=$(cat; echo .)\nrm -f a.dna\nln -s {} a.dna\nprintf '%s' \"${{found%.}}\" | $real \"$@\"",
                node.path("secret").display()
            );
            node.replace_tool("awk", &exchange);
            let reply = node.list(&node.root()).believed();
            assert_eq!(reply.of("sidecar").len(), 1, "{text} with {userland:?}: {}", reply.stdout);
            assert!(node.path("root/a.dna").is_symlink());
            let said = reply.stdout + &reply.stderr;
            assert!(!said.contains("secret"), "{text} with {userland:?}: {said}");
        }
    }
}

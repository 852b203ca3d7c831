//! Extension data: kept for hosts that know it, never needed, never read as ours (CONF-60…62).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::conference::{Applied, Conference, MAX_EXTENSION, MAX_EXTENSIONS, Outcome, Settings};

fn document(version: u32, state: &str, user_state: &str, head: &str, user: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' xmlns:x='urn:x' entity='sip:c@h' \
         state='{state}' version='{version}'>{head}<users state='{state}'><user entity='sip:bob@h' \
         state='{user_state}'>{user}</user></users></conference-info>"
    )
}

fn apply(conference: &mut Conference, document: &str) -> Applied {
    conference.apply(Duration::ZERO, document.as_bytes())
}

fn of_bob(conference: &Conference) -> Vec<(String, String)> {
    let bob = conference.user("sip:bob@h").unwrap();
    bob.extensions()
        .map(|it| (format!("{{{}}}{}", it.namespace, it.local), it.xml.into()))
        .collect()
}

#[test]
fn elements_of_other_namespaces_are_kept_as_they_stand() {
    let mut conference = Conference::new(Settings::default());
    let head = "<conference-description><subject>s</subject><x:icon a='1'><b/></x:icon></conference-description>\
                <y:root xmlns:y='urn:y'/>";
    let user = "<x:nickname>B &amp; b</x:nickname><endpoint entity='sip:bob@h;gr=1'>\
                <x:device kind='phone'/><status>connected</status></endpoint>\
                <endpoint entity='sip:bob@h;gr=2'/><users xmlns='urn:z'><user entity='sip:evil@h'/></users>";
    let applied = apply(&mut conference, &document(1, "full", "full", head, user));
    assert_eq!(applied.outcome, Outcome::Applied);
    assert_eq!(conference.len(), 1, "foreign users are nobody");
    assert_eq!(
        of_bob(&conference),
        [
            (
                "{urn:x}nickname".into(),
                "<x:nickname>B &amp; b</x:nickname>".into()
            ),
            (
                "{urn:z}users".into(),
                "<users xmlns='urn:z'><user entity='sip:evil@h'/></users>".into()
            ),
        ]
    );
    let bob = conference.user("sip:bob@h").unwrap();
    assert_eq!(bob.status(), Some("connected"));
    let devices: Vec<Vec<&str>> = bob
        .endpoints()
        .map(|endpoint| endpoint.extensions().map(|it| it.xml).collect())
        .collect();
    assert_eq!(devices, [&["<x:device kind='phone'/>"][..], &[]]);
    let info: Vec<(bool, &str, &str)> = conference
        .info()
        .extensions
        .iter()
        .map(|it| (it.in_description, &*it.namespace, &*it.local))
        .collect();
    assert_eq!(info, [(true, "urn:x", "icon"), (false, "urn:y", "root")]);
}

/// CONF-61: without rules of its own an extension element is atomic. It is no change to tell.
#[test]
fn an_extension_is_replaced_by_its_like_and_tells_nothing() {
    let mut conference = Conference::new(Settings::default());
    let first = "<x:a>1</x:a><x:b>1</x:b><endpoint entity='e'><x:d>1</x:d></endpoint>";
    apply(
        &mut conference,
        &document(1, "full", "full", "<x:r>1</x:r>", first),
    );
    let second = "<x:a>2</x:a><endpoint entity='e' state='partial'><x:e>2</x:e></endpoint>";
    let applied = apply(
        &mut conference,
        &document(2, "partial", "partial", "<x:s>2</x:s>", second),
    );
    assert_eq!(applied.outcome, Outcome::Applied);
    assert!(
        applied.changes.is_empty() && !applied.info_changed,
        "{applied:?}"
    );
    let texts: Vec<String> = of_bob(&conference)
        .into_iter()
        .map(|(_, xml)| xml)
        .collect();
    assert_eq!(texts, ["<x:b>1</x:b>", "<x:a>2</x:a>"]);
    let bob = conference.user("sip:bob@h").unwrap();
    let devices: Vec<&str> = bob
        .endpoints()
        .flat_map(|e| e.extensions())
        .map(|it| it.xml)
        .collect();
    assert_eq!(devices, ["<x:d>1</x:d>", "<x:e>2</x:e>"]);
    assert_eq!(conference.info().extensions.len(), 2);

    // A full document has the last word.
    let applied = apply(
        &mut conference,
        &document(3, "full", "full", "", "<endpoint entity='e'/>"),
    );
    assert!(applied.changes.is_empty(), "{applied:?}");
    assert!(of_bob(&conference).is_empty());
    assert!(conference.info().extensions.is_empty());
}

/// SEC-07: what is too much is passed over, and nothing else is lost for it.
#[test]
fn extension_data_is_bounded() {
    let mut conference = Conference::new(Settings::default());
    let long = format!("<x:long>{}</x:long>", "x".repeat(MAX_EXTENSION));
    let many: String = (0..2 * MAX_EXTENSIONS)
        .map(|n| format!("<x:e{n}/>"))
        .collect();
    let user = format!("{long}{many}<display-text>Bob</display-text>");
    apply(&mut conference, &document(1, "full", "full", &many, &user));
    let kept = of_bob(&conference);
    assert!(kept.len() <= MAX_EXTENSIONS && kept.iter().all(|(name, _)| name != "{urn:x}long"));
    assert_eq!(conference.info().extensions.len(), MAX_EXTENSIONS);
    for version in 2..100 {
        let user = format!("<x:n{version}/>");
        apply(
            &mut conference,
            &document(version, "partial", "partial", &user, &user),
        );
    }
    assert_eq!(of_bob(&conference).len(), MAX_EXTENSIONS);
    assert_eq!(conference.info().extensions.len(), MAX_EXTENSIONS);
    let bob = conference.user("sip:bob@h").unwrap();
    assert_eq!(bob.display_text(), Some("Bob"));
}

//! Block lists out of resource-lists documents: tables of documents and what they mean (XDM-37…55).

use super::*;
use proptest::prelude::*;

const XUI: &str = "sip:alice@home.example";

fn document(lists: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<resource-lists xmlns=\"{NAMESPACE}\" xmlns:x=\"urn:x\">\n{lists}\n</resource-lists>"
    )
}

fn read(lists: &str) -> BlockList {
    parse(document(lists).as_bytes(), Some(XUI)).expect(lists)
}

/// `list: uri` of each entry, and whether the list is complete.
fn shown(list: &BlockList) -> (Vec<String>, bool) {
    let show = |entry: &Entry| format!("{}: {}", entry.list.as_deref().unwrap_or("-"), entry.uri);
    (list.entries.iter().map(show).collect(), list.complete)
}

fn anchor(list: &str) -> String {
    format!(
        "http://xcap.elsewhere.example/services/resource-lists/users/sip%3aalice%40home.example/index/~~/resource-lists/list%5B@name=%22{list}%22%5D"
    )
}

/// XDM-39, XDM-40, XDM-43.
#[test]
fn the_right_lists_block_and_no_others() {
    let blocked = "<list name='oma_blockedcontacts'><entry uri='sip:o@x'/></list>";
    let rcs = "<list name='rcs_revokedcontacts'><entry uri='sip:r@x'/></list>\
               <list name='rcs_blockedcontacts'><entry uri='sip:b@x'/></list>";
    let others = "<list name='oma_buddylist'><entry uri='sip:friend@x'/></list>\
                  <list name='OMA_BlockedContacts'><entry uri='sip:case@x'/></list>\
                  <x:list name='oma_blockedcontacts'><entry uri='sip:foreign@x'/></x:list>\
                  <list><list name='oma_blockedcontacts'><entry uri='sip:nested@x'/></list></list>";
    let table: [(String, &[&str]); 6] = [
        (blocked.into(), &["oma_blockedcontacts: sip:o@x"]),
        (format!("{rcs}{blocked}"), &["oma_blockedcontacts: sip:o@x"]),
        (
            rcs.into(),
            &[
                "rcs_blockedcontacts: sip:b@x",
                "rcs_revokedcontacts: sip:r@x",
            ],
        ),
        (format!("<list name='oma_blockedcontacts'/>{rcs}"), &[]),
        (others.into(), &[]),
        (String::new(), &[]),
    ];
    for (lists, expected) in table {
        let (entries, complete) = shown(&read(&lists));
        assert_eq!(entries, expected, "{lists}");
        assert!(complete, "{lists}");
    }
}

/// XDM-44…47, XDM-53…55: two references into the document itself, under the name of another host.
#[test]
fn members_behind_references_and_in_nested_lists_come_in_document_order() {
    let list = read(&format!(
        "<list name='oma_blockedcontacts'>
           <display-name>No &amp; no</display-name>
           <entry uri=' sip:1@x '><display-name xml:lang='en'>One</display-name><x:more uri='sip:no@x'/></entry>
           <external anchor='{}'/>
           <list name='deeper'><entry uri='sip:3@x'/><list><entry uri='sip:4@x'/></list></list>
           <!-- next one by reference -->
           <entry-ref ref='resource-lists/users/sip:alice@home.example/index/~~/resource-lists/list%5B@name=%22rcs%22%5D/entry%5B@uri=%22sip:5@x%22%5D'/>
           <x:appusages><entry uri='sip:no@x'/></x:appusages>
           <external anchor='{}'/>
         </list>
         <list name='rcs_blockedcontacts'><entry uri='sip:2@x'/></list>
         <list name='rcs_revokedcontacts'><entry uri='tel:+15550106'/></list>
         <list name='rcs'><entry uri='sip:5@x'/><entry uri='sip:friend@x'/></list>",
        anchor("rcs_blockedcontacts"),
        anchor("rcs_revokedcontacts"),
    ));
    let expected = [
        "sip:1@x",
        "sip:2@x",
        "sip:3@x",
        "sip:4@x",
        "sip:5@x",
        "tel:+15550106",
    ]
    .map(|uri| format!("oma_blockedcontacts: {uri}"));
    assert_eq!(shown(&list), (expected.to_vec(), true));
}

/// XDM-51.
#[test]
fn lists_that_refer_to_each_other_are_read_once() {
    let list = read(&format!(
        "<list name='oma_blockedcontacts'><entry uri='sip:1@x'/><external anchor='{}'/><entry uri='sip:3@x'/></list>
         <list name='b'><entry uri='sip:2@x'/><external anchor='{}'/><external anchor='{}'/></list>",
        anchor("b"),
        anchor("oma_blockedcontacts"),
        anchor("b"),
    ));
    let expected =
        ["sip:1@x", "sip:2@x", "sip:3@x"].map(|uri| format!("oma_blockedcontacts: {uri}"));
    assert_eq!(shown(&list), (expected.to_vec(), true));
}

/// XDM-48…50, XDM-52: what cannot be resolved takes nothing away from what is known.
#[test]
fn a_part_that_cannot_be_resolved_leaves_the_list_incomplete() {
    let own = "resource-lists/users/sip:alice@home.example/index/~~/resource-lists";
    for part in [
        format!("<external anchor='{}'/>", anchor("missing")),
        "<external anchor='https://x.example/resource-lists/users/sip:bob@home.example/index/~~/resource-lists/list%5B1%5D'/>".into(),
        "<external anchor='https://x.example/'/>".into(),
        "<external/>".into(),
        format!("<external anchor='http://x/{own}/list%5B2%5D/entry%5B1%5D'/>"),
        format!("<entry-ref ref='{own}/list%5B2%5D'/>"),
        "<entry-ref ref='index/~~/resource-lists/list%5B2%5D/entry%5B1%5D'/>".into(),
        "<entry-ref/>".into(),
        "<entry/>".into(),
        "<entry uri='  '/>".into(),
    ] {
        let list = read(&format!(
            "<list name='oma_blockedcontacts'><entry uri='sip:1@x'/>{part}<entry uri='sip:2@x'/></list>
             <list name='b'><entry uri='sip:other@x'/></list>"
        ));
        let expected = ["sip:1@x", "sip:2@x"].map(|uri| format!("oma_blockedcontacts: {uri}"));
        assert_eq!(shown(&list), (expected.to_vec(), false), "{part}");
    }
}

/// References to any user's document mean the file itself when nobody says whose it is.
#[test]
fn without_a_user_every_users_path_means_this_document() {
    let text = document(
        "<list name='oma_blockedcontacts'><external anchor='http://x/resource-lists/users/tel:+1/index/~~/resource-lists/list%5B2%5D'/></list>
         <list name='b'><entry uri='sip:1@x'/></list>",
    );
    let list = parse(text.as_bytes(), None).unwrap();
    assert_eq!(
        shown(&list),
        (vec!["oma_blockedcontacts: sip:1@x".into()], true)
    );
    assert!(!parse(text.as_bytes(), Some(XUI)).unwrap().complete);
}

/// XDM-51, SEC-07.
#[test]
fn members_and_depth_are_capped_and_the_cap_is_told() {
    let entries = |n: usize| "<entry uri='sip:a@x'/>".repeat(n);
    let lists = |n: usize| format!("<list name='oma_blockedcontacts'>{}</list>", entries(n));
    let list = read(&lists(MAX_MEMBERS));
    assert_eq!((list.entries.len(), list.complete), (MAX_MEMBERS, true));
    let list = read(&lists(MAX_MEMBERS + 1));
    assert_eq!((list.entries.len(), list.complete), (MAX_MEMBERS, false));

    // A chain of lists, each with an entry and a reference to the next.
    let chain = |n: usize| {
        let mut lists = format!(
            "<list name='oma_blockedcontacts'><external anchor='{}'/></list>",
            anchor("l2")
        );
        for i in 2..=n {
            let next = match i {
                i if i < n => format!("<external anchor='{}'/>", anchor(&format!("l{}", i + 1))),
                _ => String::new(),
            };
            lists += &format!("<list name='l{i}'><entry uri='sip:{i}@x'/>{next}</list>");
        }
        lists
    };
    let list = read(&chain(MAX_LIST_DEPTH));
    assert_eq!(
        (list.entries.len(), list.complete),
        (MAX_LIST_DEPTH - 1, true)
    );
    let list = read(&chain(MAX_LIST_DEPTH + 1));
    assert_eq!(
        (list.entries.len(), list.complete),
        (MAX_LIST_DEPTH - 1, false)
    );
}

#[test]
fn a_document_of_another_kind_is_refused_by_its_root() {
    for (text, root) in [
        ("<resource-lists/>", "resource-lists"),
        (
            "<resource-lists xmlns='urn:other'/>",
            "{urn:other}resource-lists",
        ),
        ("<html/>", "html"),
    ] {
        let error = parse(text.as_bytes(), None).unwrap_err();
        assert!(
            matches!(&error, DocumentError::Root { found, .. } if found == root),
            "{text}: {error}"
        );
    }
}

/// A list of a generated document: entries, and references to other lists by number.
type Model = Vec<(Vec<u16>, Vec<usize>)>;

/// Who is a member of list 0, the slow and obvious way: take references until nothing is new.
fn closure(model: &Model) -> (std::collections::BTreeSet<String>, bool) {
    let mut reached = vec![false; model.len()];
    let mut complete = true;
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for _ in 0..model.len() {
        for n in 0..model.len() {
            if reached[n] {
                for &target in &model[n].1 {
                    match reached.get_mut(target) {
                        Some(target) => *target = true,
                        None => complete = false,
                    }
                }
            }
        }
    }
    let members = (0..model.len())
        .filter(|&n| reached[n])
        .flat_map(|n| model[n].0.iter().map(|user| format!("sip:{user}@x")))
        .collect();
    (members, complete)
}

proptest! {
    /// XDM-44, XDM-51, XDM-52.
    #[test]
    fn the_members_are_those_of_all_lists_that_can_be_reached(
        model in proptest::collection::vec(
            (proptest::collection::vec(0..50u16, 0..4), proptest::collection::vec(0..9usize, 0..4)),
            1..8,
        ),
    ) {
        let mut lists = String::new();
        for (n, (users, targets)) in model.iter().enumerate() {
            let name = if n == 0 { OMA_BLOCKED.to_owned() } else { format!("l{n}") };
            lists += &format!("<list name='{name}'>");
            for target in targets {
                let name = if *target == 0 { OMA_BLOCKED.to_owned() } else { format!("l{target}") };
                lists += &format!("<external anchor='{}'/>", anchor(&name));
            }
            for user in users {
                lists += &format!("<entry uri='sip:{user}@x'/>");
            }
            lists += "</list>";
        }
        let list = read(&lists);
        let found = list.entries.iter().map(|entry| entry.uri.to_string()).collect();
        prop_assert_eq!((found, list.complete), closure(&model));
    }
}

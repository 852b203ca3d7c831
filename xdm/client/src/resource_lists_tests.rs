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

fn resolution(lists: &str, options: Options) -> Resolution {
    let root = XcapRoot::parse("https://ap.example/xcap").unwrap();
    Resolution::begin(document(lists).as_bytes(), options, root, Vec::new()).unwrap()
}

fn mine() -> Options {
    Options {
        own_xui: Some(XUI.into()),
        nested: false,
    }
}

/// XDM-19, XDM-23, XDM-46, XDM-47, XDM-49: a host with an HTTP client of its own follows references as values.
#[test]
fn references_are_followed_without_io() {
    let lists = format!(
        "<list name='oma_blockedcontacts'><external anchor='{}'/>\
         <external anchor='https://inside.example/deep/resource-lists/users/sip:alice@home.example/more/~~/resource-lists/list%5B1%5D'/>\
         <external anchor='https://ap.example/xcap/resource-lists/users/u/index/~~/p:resource-lists/p:list?xmlns(p=urn:ietf:params:xml:ns:resource-lists)'/>\
         <entry-ref ref='resource-lists/users/u/index/~~/resource-lists/list%5B1%5D/entry%5B1%5D'/></list>\
         <list name='b'><entry uri='sip:held@x'/></list>",
        anchor("b")
    );
    let mut resolution = resolution(&lists, mine());
    let mut asked = Vec::new();
    while let Some(target) = resolution.next_target() {
        let fragment: &[u8] = match asked.len() {
            0 => b"<list><entry uri='sip:0@x'/></list>",
            1 => b"<p:list><p:entry uri='sip:1@x'/><q:entry uri='sip:no@x'/></p:list>",
            _ => b"<entry uri='sip:2@x'/>",
        };
        asked.push(target.url().to_string());
        resolution.take(Some(fragment));
    }
    let base = "https://ap.example/xcap/resource-lists/users";
    assert_eq!(
        asked,
        [
            format!("{base}/sip:alice@home.example/more/~~/resource-lists/list%5B1%5D"),
            format!(
                "{base}/u/index/~~/p:resource-lists/p:list?xmlns(p=urn:ietf:params:xml:ns:resource-lists)"
            ),
            format!("{base}/u/index/~~/resource-lists/list%5B1%5D/entry%5B1%5D"),
        ]
    );
    let (entries, complete) = shown(&resolution.finish());
    let expected = ["held", "0", "1", "2"].map(|user| format!("oma_blockedcontacts: sip:{user}@x"));
    assert_eq!((entries, complete), (expected.to_vec(), true));
}

/// XDM-48, XDM-50, XDM-52: what does not come, or is something else, leaves the list incomplete.
#[test]
fn what_comes_wrong_takes_nothing_away() {
    let there = "<external anchor='https://ap.example/xcap/resource-lists/users/u/index/~~/resource-lists/list'/>";
    let lists = format!("<list name='oma_blockedcontacts'>{there}<entry uri='sip:1@x'/></list>");
    for fragment in [
        None,
        Some("<entry uri='sip:no@x'/>"),
        Some("<list xmlns='urn:x'><entry uri='sip:no@x'/></list>"),
        Some("<resource-lists><list/></resource-lists>"),
        Some("<list/><list/>"),
        Some("<!DOCTYPE list><list/>"),
        Some("<list>"),
        Some(""),
    ] {
        let mut resolution = resolution(&lists, mine());
        assert!(resolution.next_target().is_some());
        resolution.take(fragment.map(str::as_bytes));
        assert!(resolution.next_target().is_none());
        let expected = (vec!["oma_blockedcontacts: sip:1@x".into()], false);
        assert_eq!(shown(&resolution.finish()), expected, "{fragment:?}");
    }
    // Another server, another place on this one: nobody asks there unless it is allowed.
    for anchor in [
        "https://elsewhere.example/resource-lists/users/u/index/~~/resource-lists/list",
        "https://ap.example/other/resource-lists/users/u/index/~~/resource-lists/list",
        "https://ap.example/xcapital/resource-lists/users/u/index/~~/resource-lists/list",
        "http://ap.example/xcap/resource-lists/users/u/index/~~/resource-lists/list",
    ] {
        let lists =
            format!("<list name='oma_blockedcontacts'><external anchor='{anchor}'/></list>");
        let mut resolution = resolution(&lists, mine());
        assert!(resolution.next_target().is_none(), "{anchor}");
        assert!(!resolution.finish().complete, "{anchor}");
    }
    // Nobody asks for what was never answered, and stopping early is no whole list.
    let mut left = resolution(&lists, mine());
    assert!(left.next_target().is_some());
    assert!(!left.finish().complete);
    assert!(!resolution(&lists, mine()).finish().complete);
    // An old copy marks, but proves nothing.
    let mut old = resolution(&lists, mine());
    old.next_target();
    old.take_old(b"<list><entry uri='sip:2@x'/></list>");
    let list = old.finish();
    assert_eq!((list.entries.len(), list.complete), (2, false));
    // Alone, the document is incomplete.
    assert!(!read(&lists).complete);
}

/// XDM-51, SEC-07.
#[test]
fn fetches_and_octets_are_capped() {
    let external = |n: usize| {
        format!(
            "<external anchor='https://ap.example/xcap/resource-lists/users/u{n}/index/~~/resource-lists/list'/>"
        )
    };
    let all = |n: usize| -> String {
        let externals: String = (0..n).map(external).collect();
        format!("<list name='oma_blockedcontacts'>{externals}{externals}</list>")
    };
    for (lists, expected) in [(MAX_FETCHES, true), (MAX_FETCHES + 1, false)] {
        let mut resolution = resolution(&all(lists), mine());
        let mut asked = 0;
        while resolution.next_target().is_some() {
            asked += 1;
            resolution.take(Some(b"<list/>"));
        }
        assert_eq!(
            (asked, resolution.finish().complete),
            (MAX_FETCHES, expected)
        );
    }
    let mut big = b"<list/>".to_vec();
    big.resize(MAX_DOCUMENT - 100, b' ');
    let mut resolution = resolution(&all(6), mine());
    while resolution.next_target().is_some() {
        resolution.take(Some(&big));
    }
    assert!(
        !resolution.finish().complete,
        "{MAX_FETCHED} octets and no more"
    );
}

/// XDM-43: lists within lists are block lists when configured.
#[test]
fn nested_lists_count_by_name_when_configured() {
    let lists =
        "<list name='all'><list name='oma_blockedcontacts'><entry uri='sip:1@x'/></list></list>";
    for (nested, count) in [(false, 0), (true, 1)] {
        let options = Options { nested, ..mine() };
        assert_eq!(resolution(lists, options).finish().entries.len(), count);
    }
}

/// XDM-53, XDM-54, URI-18, URI-24, URI-25: what an entry says is kept as it is; extensions say nothing of membership.
#[test]
fn entries_are_kept_as_written() {
    let list = read(
        "<list name='oma_blockedcontacts'>\
         <entry uri='welcome@app.example'><display-name xml:lang='de'>Wer</display-name><x:ext uri='sip:no@x'/></entry>\
         <entry uri='sip:team-!.*!@x'/><entry uri='::::'/><x:entry uri='sip:no@x'/></list>",
    );
    let expected = ["welcome@app.example", "sip:team-!.*!@x", "::::"]
        .map(|uri| format!("oma_blockedcontacts: {uri}"));
    assert_eq!(shown(&list), (expected.to_vec(), true));
}

/// XDM-35, XDM-38: names that are known, and those that never block.
#[test]
fn the_names_of_lists_are_those_registered() {
    assert_eq!(OMA_BLOCKED, "oma_blockedcontacts");
    assert_eq!(RCS_BLOCKED, ["rcs_blockedcontacts", "rcs_revokedcontacts"]);
    for name in [
        "oma_allcontacts",
        "oma_buddylist",
        "oma_grantedcontacts",
        "oma_pocbuddylist",
        "rcs",
        "rcs_politeblockedcontacts",
    ] {
        let list = read(&format!(
            "<list name='{name}'><entry uri='sip:a@x'/></list>"
        ));
        assert_eq!(shown(&list), (vec![], true), "{name}");
    }
}

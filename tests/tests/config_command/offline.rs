//! Settings of the commands that need no server: who counts as blocked, how documents are read.

use crate::{Configured, document, marks, users};

/// URI-04, URI-05, URI-14: strict URIs, and a plus that makes no number, for `match` and for a roster.
#[test]
fn which_uris_are_one_user_is_a_setting() {
    for (setting, uri, entry) in [
        ("strict-uris = true", "sip:a@x:5070", "sip:a@x"),
        ("strict-uris = true", "sips:a@x", "sip:a@x"),
        (
            "no-plus-user = true",
            "sip:+12125551234@x",
            "tel:+12125551234",
        ),
    ] {
        for (settings, same) in [("", true), (setting, false)] {
            let configured = Configured::new(settings)
                .with("blocked.txt", entry)
                .with("c.xml", &document(&users(&[uri])));
            let found = configured.object(&["match", uri, entry]);
            assert_eq!(found["match"], same, "{settings} {uri}");
            let path = |name| configured.path(name).display().to_string();
            let (list, body) = (path("blocked.txt"), path("c.xml"));
            let roster = configured.object(&["roster", "--block-list", &list, &body]);
            let mark = if same { "blocked" } else { "clear" };
            assert_eq!(marks(&roster), [format!("{uri} {mark}")], "{settings}");
        }
    }
}

const POLICY: &str = "<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' xmlns:pr='urn:ietf:params:xml:ns:pres-rules'>\
    <cr:rule id='polite'><cr:conditions><cr:identity><cr:one id='sip:bob@x'/></cr:identity></cr:conditions>\
    <cr:actions><pr:sub-handling>polite-block</pr:sub-handling></cr:actions></cr:rule>\
    <cr:rule id='office'><cr:conditions><cr:identity><cr:one id='sip:carol@x'/></cr:identity><cr:sphere value='work'/></cr:conditions>\
    <cr:actions><pr:sub-handling>block</pr:sub-handling></cr:actions></cr:rule></cr:ruleset>";

/// XDM-61, XDM-69: a polite block, and the sphere, for `rules` and for a roster.
#[test]
fn how_rules_are_read_is_a_setting() {
    for (settings, bob, carol) in [
        ("", "polite-blocked", "no-rule"),
        ("polite-block = true", "blocked", "no-rule"),
        ("sphere = 'work'", "polite-blocked", "blocked"),
        ("sphere = 'home'", "polite-blocked", "no-rule"),
    ] {
        let configured = Configured::new(&format!("{settings}\nblock-list = ['rules.xml']"))
            .with("rules.xml", POLICY)
            .with("c.xml", &document(&users(&["sip:bob@x", "sip:carol@x"])));
        let path = |name| configured.path(name).display().to_string();
        let found = configured.object(&["rules", &path("rules.xml"), "sip:bob@x", "sip:carol@x"]);
        let outcomes = [0, 1].map(|at| found["results"][at]["outcome"].clone());
        assert_eq!(outcomes, [bob, carol], "{settings}");
        let mark = |outcome| {
            if outcome == "blocked" {
                "blocked"
            } else {
                "clear"
            }
        };
        let roster = configured.object(&["roster", &path("c.xml")]);
        assert_eq!(
            marks(&roster),
            [
                format!("sip:bob@x {}", mark(bob)),
                format!("sip:carol@x {}", mark(carol))
            ],
            "{settings}"
        );
    }
}

/// URI-20: endpoints take part. XDM-43: a list within the list is a list by its name.
#[test]
fn what_takes_part_is_a_setting() {
    let lists = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='mine'>\
        <list name='oma_blockedcontacts'><entry uri='sip:bob@x'/></list></list></resource-lists>";
    for (settings, bob, carol) in [
        ("", "clear", "clear"),
        ("nested-list-names = true", "blocked", "clear"),
        ("match-endpoints = true", "clear", "blocked"),
    ] {
        let configured = Configured::new(&format!(
            "{settings}\nblock-list = ['lists.xml', 'lines.txt']"
        ))
        .with("lists.xml", lists)
        .with("lines.txt", "sip:pc-carol@x")
        .with("c.xml", &document(&users(&["sip:bob@x", "sip:carol@x"])));
        let body = configured.path("c.xml").display().to_string();
        let roster = configured.object(&["roster", &body]);
        assert_eq!(
            marks(&roster),
            [format!("sip:bob@x {bob}"), format!("sip:carol@x {carol}")],
            "{settings}"
        );
    }
}

/// SEC-07: the limits on documents, each one below what the document has: it is refused whole, and taken with one more.
#[test]
fn limits_of_documents_are_settings() {
    let endpoint = |media: &str| {
        format!("<endpoint entity='sip:{media}@pc'><status>connected</status>{media}</endpoint>")
    };
    let media: String = (0..3)
        .map(|id| format!("<media id='{id}'><type>message</type></media>"))
        .collect();
    let endpoints: String = ["", "x", "y"].map(endpoint).concat();
    let sidebars: String = (0..3)
        .map(|n| format!("<entry><uri>sip:s{n}@x</uri></entry>"))
        .collect();
    let of_endpoints = format!("<users><user entity='sip:a@x'>{endpoints}</user></users>");
    let of_media = format!(
        "<users><user entity='sip:a@x'><endpoint entity='sip:a@pc'><status>connected</status>{media}</endpoint></user></users>"
    );
    let of_sidebars = format!("<sidebars-by-ref>{sidebars}</sidebars-by-ref>");
    let three = users(&["sip:a@x", "sip:b@x", "sip:c@x"]);
    for (option, low, enough, body) in [
        ("max-users", 2, 3, three.as_str()),
        ("max-endpoints", 2, 3, &of_endpoints),
        ("max-media", 2, 3, &of_media),
        ("max-sidebars", 2, 3, &of_sidebars),
        ("max-body", 200, 2000, &three),
        ("max-depth", 4, 5, &three),
        ("max-attributes", 3, 4, &three),
        ("max-text", 37, 38, &three),
        (
            "max-namespaces",
            2,
            10,
            "<x xmlns='urn:1'/><x xmlns='urn:2'/><x xmlns='urn:3'/>",
        ),
    ] {
        for (limit, taken) in [(low, false), (enough, true)] {
            let configured =
                Configured::new(&format!("{option} = {limit}")).with("c.xml", &document(body));
            let path = configured.path("c.xml").display().to_string();
            let roster = configured.object(&["roster", &path]);
            let state = if taken { "current" } else { "none" };
            assert_eq!(roster["state"], state, "{option} = {limit}: {roster}");
        }
    }
}

/// SEC-07: partial documents without end do not fill the memory.
#[test]
fn what_may_be_held_is_a_setting() {
    let more = document(&users(&["sip:b@x", "sip:c@x"]))
        .replace("state='full' version='1'", "state='partial' version='2'")
        .replace("<users>", "<users state='partial'>");
    for (limit, taken) in [(20, false), (100_000, true)] {
        let configured = Configured::new(&format!("max-store = {limit}"))
            .with("1.xml", &document(&users(&["sip:a@x"])))
            .with("2.xml", &more);
        let [one, two] = ["1.xml", "2.xml"].map(|name| configured.path(name).display().to_string());
        let roster = configured.object(&["roster", &one, &two]);
        let held = if taken { 3 } else { 1 };
        assert_eq!(marks(&roster).len(), held, "{limit}: {roster}");
    }
}

/// Strict reading, as `--strict` has it: a document without version is none.
#[test]
fn strict_reading_is_a_setting() {
    let bare = document(&users(&["sip:a@x"])).replace(" version='1'", "");
    for (settings, state) in [
        ("", "current"),
        ("strict = true", "none"),
        ("strict = false", "current"),
    ] {
        let configured = Configured::new(settings).with("c.xml", &bare);
        let path = configured.path("c.xml").display().to_string();
        assert_eq!(
            configured.object(&["roster", &path])["state"],
            state,
            "{settings}"
        );
    }
}

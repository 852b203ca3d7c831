//! Limits of documents and of what is held: SEC-07.

use super::*;

fn small() -> Conference {
    let mut conference = Conference::new(Settings {
        mode: Mode::Lenient,
        limits: Limits {
            users: 3,
            endpoints: 2,
            media: 2,
            sidebars: 2,
            ..Limits::default()
        },
    });
    conference.begin_subscription();
    let inner = users("full", &named("bob eve"));
    assert!(apply(&mut conference, &document("full 1", &inner)).first);
    conference
}

#[test]
fn the_limits_are_those_of_the_design() {
    let limits = Limits::default();
    assert_eq!((limits.users, limits.endpoints), (20_000, 64));
    assert_eq!((limits.xml.body, limits.xml.text), (4 << 20, 64 << 10));
    assert_eq!((limits.xml.depth, limits.xml.attributes), (64, 64));
}

#[test]
fn a_document_that_would_go_over_a_limit_is_refused_whole() {
    let endpoints = |names: &str| -> String {
        let all = names.split_whitespace();
        all.map(|name| format!("<endpoint entity='{name}' state='partial'/>"))
            .collect()
    };
    let eve = |inner: &str| format!("<user entity='sip:eve@x' state='partial'>{inner}</user>");
    let media = |count: usize| {
        let media: String = (0..count).map(|id| format!("<media id='{id}'/>")).collect();
        eve(&format!(
            "<endpoint entity='a' state='partial'>{media}</endpoint>"
        ))
    };
    let cases = [
        (users("partial", &named("kim")), None),
        (users("partial", &named("kim mia")), Some(Refusal::TooManyUsers)),
        (users("partial", &(named("kim mia") + &user("bob", "deleted"))), None),
        (users("full", &named("bob kim mia zoe")), Some(Refusal::TooManyUsers)),
        (users("partial", &eve(&endpoints("a b"))), None),
        (users("partial", &eve(&endpoints("a b c"))), Some(Refusal::TooManyEndpoints)),
        (users("partial", &media(2)), None),
        (users("partial", &media(3)), Some(Refusal::TooManyMedia)),
        (
            "<sidebars-by-val><entry entity='1'/><entry entity='2'/></sidebars-by-val>".into(),
            None,
        ),
        (
            "<sidebars-by-val><entry entity='1'/><entry entity='2'/><entry entity='3'/></sidebars-by-val>".into(),
            Some(Refusal::TooManySidebars),
        ),
        (
            "<sidebars-by-ref><entry><uri>1</uri></entry><entry><uri>2</uri></entry><entry><uri>3</uri></entry></sidebars-by-ref>".into(),
            Some(Refusal::TooManySidebars),
        ),
        (
            format!("<sidebars-by-val><entry entity='1'>{}</entry></sidebars-by-val>", users("full", &named("a b c d"))),
            Some(Refusal::TooManyUsers),
        ),
    ];
    for (inner, expected) in cases {
        let mut conference = small();
        let applied = apply(&mut conference, &document("partial 2", &inner));
        match expected {
            None => assert_eq!(outcome(&applied), "applied", "{inner}"),
            Some(refusal) => {
                assert_eq!(applied.outcome, Outcome::Refused(refusal), "{inner}");
                assert_eq!(
                    verdict(&conference, &applied),
                    "refused; malformed-body; bob eve; uncertain needed 1"
                );
            }
        }
    }
}

#[test]
fn what_is_held_does_not_grow_over_a_limit_document_by_document() {
    let eve = |name: &str| {
        users(
            "partial",
            &format!("<user entity='sip:eve@x' state='partial'><endpoint entity='{name}'/></user>"),
        )
    };
    let sidebar = |name: &str, users: &str| {
        format!(
            "<sidebars-by-val state='partial'><entry entity='{name}' state='partial'>{users}</entry></sidebars-by-val>"
        )
    };
    let part = |names: &str| users("partial", &named(names));
    for (steps, refusal) in [
        (
            [part("kim"), part("bob"), part("mia")],
            Refusal::TooManyUsers,
        ),
        ([eve("a"), eve("b"), eve("c")], Refusal::TooManyEndpoints),
        (
            [sidebar("1", ""), sidebar("2", ""), sidebar("3", "")],
            Refusal::TooManySidebars,
        ),
        (
            [
                sidebar("1", &part("a b")),
                sidebar("2", &part("a")),
                sidebar("2", &part("b")),
            ],
            Refusal::TooManyUsers,
        ),
    ] {
        let mut conference = small();
        let outcomes: Vec<Outcome> = (2..)
            .zip(&steps)
            .map(|(version, inner)| {
                apply(
                    &mut conference,
                    &document(&format!("partial {version}"), inner),
                )
                .outcome
            })
            .collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Applied,
                Outcome::Applied,
                Outcome::Refused(refusal)
            ]
        );
    }
}

/// Partial documents without end must not fill the memory; what is held stays, and room made is room again.
#[test]
fn the_store_has_a_limit_of_its_own() {
    const STORE: usize = 1000;
    let mut conference = Conference::new(Settings {
        limits: Limits {
            store: STORE,
            ..Limits::default()
        },
        ..Settings::default()
    });
    let bob = |size: usize| {
        format!(
            "<user entity='sip:bob@x' state='partial'><display-text>{}</display-text></user>",
            "b".repeat(size)
        )
    };
    apply(
        &mut conference,
        &document("full 1", &users("full", &named("bob"))),
    );
    for (version, size, fits) in [
        (2, 900, true),
        (2, STORE, false),
        (3, 900, true),
        (4, 10, true),
        (5, 900, true),
    ] {
        let inner = users("partial", &bob(size));
        let version = if fits { version } else { version + 1 };
        let applied = apply(
            &mut conference,
            &document(&format!("partial {version}"), &inner),
        );
        let expected = if fits {
            Outcome::Applied
        } else {
            Outcome::Refused(Refusal::StoreFull)
        };
        assert_eq!(applied.outcome, expected, "{version} {size}");
    }
    let held = conference
        .users()
        .next()
        .and_then(User::display_text)
        .map(str::len);
    assert_eq!(held, Some(900));
}

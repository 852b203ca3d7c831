//! Conference-info documents to measure with (RFC 4575): the same number and seed always give the same bytes.

use std::fmt::Write as _;

/// The URI of the conference in every document.
pub(super) const CONFERENCE: &str = "sip:conf233@example.com";

const FIRST: &[&str] = &[
    "Alice",
    "Bob",
    "Carol",
    "Dave",
    "Eve",
    "Zoë",
    "José",
    "Jürgen",
    "Łukasz",
    "Søren",
    "Мария",
    "Γιώργος",
    "王伟",
    "佐藤",
    "김철수",
    "🦀 Ferris",
];
const LAST: &[&str] = &[
    "Smith",
    "Jones",
    "O'Brien &amp; Sons",
    "Müller",
    "Ångström",
    "&lt;admin&gt;",
    "de la Cruz",
    "Kowalski",
    "Иванов",
    "山田",
    "Nguy&#x1EC5;n",
    "Brown",
    "Taylor",
    "Lee",
];
const DOMAINS: &[&str] = &[
    "example.com",
    "ims.example.net",
    "voice.example.org",
    "users.example.com",
];
const ROLES: &[&str] = &[
    "participant",
    "participant",
    "moderator",
    "speaker",
    "observer",
];
const STATUS: &[&str] = &[
    "connected",
    "connected",
    "connected",
    "connected",
    "on-hold",
    "muted-via-focus",
    "dialing-in",
];
const DEVICES: &[&str] = &["Laptop", "Desk &amp; Phone", "手机", "Mobile"];
const METHODS: &[&str] = &["dialed-in", "dialed-out", "focus-owner"];
const MEDIA_STATUS: &[&str] = &["sendrecv", "sendrecv", "sendrecv", "recvonly"];

/// SplitMix64: small, and the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.below(from.len() as u64);
        from[at as usize]
    }
}

/// The URI of user number `i`, the same in documents and block lists.
pub(super) fn uri(i: usize) -> String {
    match i % 10 {
        7 => format!("tel:+1555{i:07}"),
        8 => format!("sip:+1555{i:07}@ims.example.net;user=phone"),
        9 => format!("sips:user{i:06}@voice.example.org:5061"),
        _ => format!("sip:user{i:06}@{}", DOMAINS[i % DOMAINS.len()]),
    }
}

/// The URI of an endpoint of user number `i`.
fn endpoint(i: usize, number: usize) -> String {
    format!(
        "sip:{i:08x}{number}@10.{}.{}.{}:5060;transport=tcp;gr=urn:uuid:{i:08x}",
        i >> 16 & 255,
        i >> 8 & 255,
        i & 255
    )
}

/// How much is said of each user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// About 1 kB: all that focuses usually say.
    Whole,
    /// A key and an endpoint with its status.
    Brief,
}

/// A full document of version 1.
pub(super) fn full(users: usize, detail: Detail, seed: u64) -> String {
    let mut out = String::new();
    open(&mut out, "full", 1);
    let _ = write!(
        out,
        "\n <conference-description>\n  <subject>Agenda: this month's goals &amp; plans</subject>\n  \
         <maximum-user-count>{}</maximum-user-count>\n </conference-description>\n <conference-state>\n  \
         <user-count>{users}</user-count>\n  <active>true</active>\n </conference-state>\n <users state=\"full\">",
        users * 2
    );
    for i in 0..users {
        user(&mut out, i, detail, seed);
    }
    out.push_str("\n </users>\n</conference-info>\n");
    out
}

/// What a partial document does to one user.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Another `display-text`.
    Rename,
    /// Another `status` of the first endpoint.
    Hold,
    /// A user who is not there yet.
    Add,
    /// Not there any more.
    Delete,
}

/// The acts that a conference sees, by turns.
pub(super) const ACTS: [Act; 4] = [Act::Hold, Act::Rename, Act::Add, Act::Delete];

/// A partial document about user number `i`.
pub(super) fn partial(version: usize, act: Act, i: usize) -> String {
    let mut out = String::new();
    open(&mut out, "partial", version);
    out.push_str("\n <users state=\"partial\">");
    let key = uri(i);
    let _ = match act {
        Act::Rename => write!(
            out,
            "\n  <user entity=\"{key}\" state=\"partial\">\n   <display-text>Zoë Kowalski {version:08}</display-text>\n  </user>"
        ),
        Act::Hold => write!(
            out,
            "\n  <user entity=\"{key}\" state=\"partial\">\n   <endpoint entity=\"{}\" state=\"partial\">\n    \
             <status>disconnecting</status>\n   </endpoint>\n  </user>",
            endpoint(i, 0)
        ),
        Act::Add => {
            user(&mut out, i, Detail::Whole, 1);
            Ok(())
        }
        Act::Delete => write!(out, "\n  <user entity=\"{key}\" state=\"deleted\"/>"),
    };
    out.push_str("\n </users>\n</conference-info>\n");
    out
}

/// `count` partial documents of one user each on a roster of `users`, as a conference sees them. Every document has
/// an effect.
pub(super) fn partials(users: usize, count: usize) -> Vec<String> {
    (0..count)
        .map(|step| {
            let act = ACTS[step % ACTS.len()];
            let i = match act {
                Act::Add => users + step,
                // Who came with the step before goes again, so that the size of the roster stays.
                Act::Delete => users + step - 1,
                _ => step * 7919 % users,
            };
            partial(step + 2, act, i)
        })
        .collect()
}

fn open(out: &mut String, state: &str, version: usize) {
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<conference-info \
         xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"{CONFERENCE}\" state=\"{state}\" version=\"{version}\">"
    );
}

fn user(out: &mut String, i: usize, detail: Detail, seed: u64) {
    let numbers = &mut Numbers(seed ^ (i as u64) << 20);
    let _ = write!(out, "\n  <user entity=\"{}\" state=\"full\">", uri(i));
    if detail == Detail::Brief {
        let _ = write!(
            out,
            "\n   <endpoint entity=\"{}\">\n    <status>connected</status>\n   </endpoint>\n  </user>",
            endpoint(i, 0)
        );
        return;
    }
    let _ = write!(
        out,
        "\n   <display-text>{} {}</display-text>",
        numbers.pick(FIRST),
        numbers.pick(LAST)
    );
    if numbers.below(4) == 0 {
        let _ = write!(
            out,
            "\n   <associated-aors>\n    <entry>\n     <uri>mailto:user{i:06}@example.com</uri>\n     \
             <display-text>email</display-text>\n    </entry>\n   </associated-aors>"
        );
    }
    let _ = write!(
        out,
        "\n   <roles>\n    <entry>{}</entry>\n   </roles>",
        numbers.pick(ROLES)
    );
    for number in 0..1 + usize::from(numbers.below(3) == 0) {
        let _ = write!(out, "\n   <endpoint entity=\"{}\">", endpoint(i, number));
        if numbers.below(2) == 0 {
            let _ = write!(
                out,
                "\n    <display-text>{}</display-text>",
                numbers.pick(DEVICES)
            );
        }
        let _ = write!(
            out,
            "\n    <status>{}</status>\n    <joining-method>{}</joining-method>\n    <joining-info>\n     \
             <when>2026-{:02}-{:02}T{:02}:{:02}:{:02}Z</when>\n     <reason>invited by the host</reason>\n     \
             <by>sip:mike@example.com</by>\n    </joining-info>",
            numbers.pick(STATUS),
            numbers.pick(METHODS),
            1 + numbers.below(12),
            1 + numbers.below(28),
            numbers.below(24),
            numbers.below(60),
            numbers.below(60)
        );
        for medium in 0..1 + numbers.below(2) {
            let kind = if medium == 0 { "message" } else { "audio" };
            let _ = write!(
                out,
                "\n    <media id=\"{}\">\n     <display-text>main {kind}</display-text>\n     <type>{kind}</type>\n     \
                 <label>{}</label>\n     <src-id>{}</src-id>\n     <status>{}</status>\n    </media>",
                medium + 1,
                10_000 + numbers.below(90_000),
                1 + numbers.below(u64::from(u32::MAX)),
                numbers.pick(MEDIA_STATUS)
            );
        }
        out.push_str("\n   </endpoint>");
    }
    out.push_str("\n  </user>");
}

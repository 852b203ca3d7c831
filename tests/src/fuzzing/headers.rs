//! Header values: every reader on any text, and what must hold of what they give (RFC 3261 §7.3.1, §20, §25.1; RFC 2046
//! §5.1; RFC 7616 §3.3).

use arbitrary::{Result, Unstructured};
use rollmark_core::digest::{Challenge, Credentials, Session, choose};
use rollmark_core::header::multipart::{self, MAX_PARTS};
use rollmark_core::header::{self, Address, Event, MediaType, Rate, Reason, SubscriptionState};
use rollmark_core::message::Headers;

/// Target: one header value, and as a multipart body what follows its first line end.
///
/// # Panics
/// When a reader panics or gives what the text cannot mean.
pub fn headers(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    lists(&text);
    preferences(&text);
    small(&text);
    words(&text);
    challenges(&text);
    let end = input.iter().position(|&b| b == b'\n').unwrap_or(0);
    let (head, body) = input.split_at(end);
    bodies(&String::from_utf8_lossy(head), body);
    stored(&text);
}

/// Elements of lists: pieces of the text, in order, none empty, each whole; addresses among them.
fn lists(text: &str) {
    let elements: Vec<&str> = header::split_list(text).collect();
    let mut rest = text;
    for element in &elements {
        assert!(!element.is_empty());
        let at = rest
            .find(element)
            .expect("an element that is not in the text");
        rest = &rest[at + element.len()..];
        let again: Vec<&str> = header::split_list(element).collect();
        assert_eq!(
            again,
            [*element],
            "an element falls apart when it is read again"
        );
    }
    if !text.contains(['"', '<']) {
        let blank = [' ', '\t', '\r', '\n'];
        let plain: Vec<&str> = text
            .split(',')
            .map(|element| element.trim_matches(blank))
            .filter(|element| !element.is_empty())
            .collect();
        assert_eq!(
            elements, plain,
            "without quotes a list is split at every comma"
        );
    }
    let addresses = header::addresses([text].into_iter());
    assert!(addresses.len() <= elements.len());
    assert_eq!(Address::parse(text).as_ref(), addresses.first());
    for address in &addresses {
        assert!(text.contains(&address.uri) && !address.uri.is_empty());
        assert!(!address.uri.contains([' ', '\t', '\r', '\n', '<', '>', '"']));
        assert_ne!(address.display.as_deref(), Some(""));
        for (name, _) in &address.params {
            assert!(address.param(name).is_some());
        }
        let written = format!("<{}>", address.uri);
        let again = header::addresses([written.as_str()].into_iter());
        assert_eq!(again.len(), 1, "{written} is not read again");
        assert_eq!(again[0].uri, address.uri);
    }
}

/// Contacts and mechanisms: as many as there are addresses and names, preferences in their range.
fn preferences(text: &str) {
    let contacts = header::contacts([text].into_iter());
    assert_eq!(
        contacts.len(),
        header::addresses([text].into_iter()).len(),
        "a contact is lost when they are ordered"
    );
    assert!(contacts.is_sorted_by(|a, b| a.q() >= b.q()));
    assert!(contacts.iter().all(|contact| contact.q() <= 1000));
    let mut rest = text;
    for mechanism in header::mechanisms([text].into_iter()) {
        assert!(mechanism.q() <= 1000 && mechanism.raw.starts_with(mechanism.name));
        let at = rest.find(mechanism.raw).expect("a piece of the text");
        rest = &rest[at + mechanism.raw.len()..];
    }
}

/// Tokens, tags, Call-IDs, rates: pieces of the text that read back as themselves.
fn words(text: &str) {
    for token in header::tokens([text].into_iter()) {
        assert!(text.contains(token));
        assert_eq!(header::entity_tag(token), Some(token));
        assert!(header::lists(
            [text].into_iter(),
            &token.to_ascii_uppercase()
        ));
        if !token.eq_ignore_ascii_case("identity") {
            assert!(header::is_encoded([text].into_iter()));
        }
    }
    if let Some(id) = header::call_id(text) {
        assert!(!id.contains([' ', '\t', '\r', '\n']) && text.contains(id));
    }
    if let Some(rate) = Rate::parse(text) {
        assert!(!rate.interval().is_zero());
        assert_eq!(Rate::parse(&rate.to_string()), Some(rate));
    }
}

fn small(text: &str) {
    if let Some(state) = SubscriptionState::parse(text) {
        let token = state.state.as_str();
        assert!(!token.is_empty() && !token.contains([' ', ';', ',']));
        assert_ne!(state.reason.as_ref().map(Reason::as_str), Some(""));
        let again = SubscriptionState::parse(token).expect("the token is a value");
        assert_eq!(again.state, state.state);
    }
    if let Some(event) = Event::parse(text) {
        assert!(text.contains(event.package) && event.matches(&event));
        assert!(event.id.is_none_or(|id| text.contains(id)));
    }
    if let Some(tag) = header::tag(text) {
        assert!(text.contains(tag) && !tag.contains([' ', '\t', '\r', '\n', ',']));
    }
    if let Some((number, method)) = header::cseq(text) {
        assert!(text.contains(method));
        assert_eq!(
            header::cseq(&format!("{number} {method}")),
            Some((number, method))
        );
    }
    if let Some(seconds) = header::delta_seconds(text) {
        assert!(text.contains(|c: char| c.is_ascii_digit()));
        assert_eq!(header::delta_seconds(&seconds.to_string()), Some(seconds));
        assert_eq!(header::retry_after(text), Some(seconds));
    }
    if let Some(media) = MediaType::parse(text) {
        assert!(media.is(&format!("{}/{}", media.kind, media.subtype)));
        assert_eq!(media.kind, media.kind.to_ascii_lowercase());
    }
}

/// Whatever a server challenges with, the answer is one line, and its quoted strings are closed.
fn challenges(text: &str) {
    let all = Challenge::all([text].into_iter());
    assert_eq!(Challenge::parse(text).as_ref(), all.first());
    let Some(challenge) = choose(&all) else {
        return;
    };
    assert!(challenge.is_answerable());
    let credentials = Credentials {
        username: "al\"ice".into(),
        password: "secret".into(),
    };
    let mut session =
        Session::new(challenge, "c0ffee".into()).expect("an answerable challenge is answered");
    session.handle_authentication_info(text);
    let auts = session
        .clone()
        .authorize_with_auts("alice", text, "REGISTER", "sip:x", b"");
    assert!(!auts.contains(char::is_control));
    let answer = session.authorize(&credentials, "SUBSCRIBE", "sip:c@example.com", b"");
    assert!(
        !answer.contains(char::is_control),
        "a line end in {answer:?}"
    );
    assert!(answer.starts_with("Digest "));
    let back = Challenge::all([answer.as_str()].into_iter());
    assert_eq!(
        back.len(),
        1,
        "the answer is not one list of parameters: {answer}"
    );
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    assert_eq!(back[0].realm, shown(&challenge.realm));
    assert_eq!(back[0].nonce, shown(session.nonce()));
}

/// Parts are pieces of the body, in order, and bounded in number.
fn bodies(content_type: &str, body: &[u8]) {
    let Some(media) = MediaType::parse(content_type) else {
        return;
    };
    let Some(parts) = multipart::parts(&media, body) else {
        return;
    };
    assert!(!parts.is_empty() && parts.len() <= MAX_PARTS);
    let mut total = 0;
    for part in &parts {
        total += part.body.len();
        let _ = part.media_type();
    }
    assert!(total <= body.len(), "parts overlap");
    let documents = multipart::documents(media, body, &|media| {
        media.is("application/conference-info+xml")
    });
    assert!(documents.len() <= MAX_PARTS);
    let total: usize = documents.iter().map(|(_, document)| document.len()).sum();
    assert!(total <= body.len(), "documents overlap");
}

/// No value can start a header of its own (SEC-09).
fn stored(text: &str) {
    let mut all = Headers::new();
    all.push("Contact", text);
    all.set("m", text);
    assert_eq!(all.len(), 1);
    let value = all.get("CONTACT").expect("the header is there");
    assert!(!value.contains(['\r', '\n', '\0']));
}

const PIECES: [&str; 72] = [
    "<",
    ">",
    "\"",
    "\\",
    ",",
    ";",
    "=",
    " ",
    "\t",
    "\r\n ",
    "\n",
    ":",
    "/",
    "*",
    "sip:a@x",
    "sip:b@y;lr",
    "<sip:a@x>",
    "\"A, B\" <sip:a@x>",
    "tag=1",
    "tag",
    "id=5",
    "q=0.5",
    "expires=60",
    "expires=99999999999",
    "\"",
    "active",
    "ACTIVE",
    "terminated",
    "pending",
    "reason=noresource",
    "reason=\"giveup\"",
    "retry-after=5",
    "conference",
    "1 NOTIFY",
    "4294967296 NOTIFY",
    "60",
    "60(comment)",
    "Digest ",
    "digest\t",
    "Basic ",
    "realm=\"r\"",
    "realm=r",
    "nonce=\"n\\\"\"",
    "qop=\"auth,auth-int\"",
    "qop=auth",
    "algorithm=MD5",
    "algorithm=SHA-256-sess",
    "stale=TRUE",
    "opaque=\"\"",
    "userhash=true",
    "nextnonce=\"z\"",
    "multipart/mixed",
    ";boundary=b",
    ";boundary=\"b c\"",
    "\r\n--b\r\n",
    "\r\n--b--\r\n",
    "\n--b c \n",
    "Content-Type: application/conference-info+xml",
    "\r\n\r\n",
    "application/conference-info+xml",
    "Content-Type: multipart/mixed;boundary=b",
    "ipsec-3gpp;spi-c=1",
    "alg=hmac-sha-1-96",
    "identity",
    "gzip",
    "0.25",
    "max-rate=0.5",
    "algorithm=AKAv1-MD5",
    "é",
    "\u{0}",
    "%",
    "x",
];

/// A value of pieces that the readers look for.
///
/// # Errors
/// Never in practice: choices that have run out count as zero.
pub(super) fn value(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for _ in 0..u.int_in_range(1..=16)? {
        text.extend_from_slice(u.choose(&PIECES)?.as_bytes());
    }
    Ok(text)
}

//! Who may see and change what: digest, fronts (RFC 4825 §5.7, §8; RFC 7616).

mod http;

use http::{ALICE, INDEX, LISTS, TYPE, request};
use md5::{Digest, Md5};
use rollmark_xdms::{Settings, User, Xdms};
use sha2::Sha256;

const BOB: &str = "sip:bob@example.org";
const OF_BOB: &str = "/xcap-root/resource-lists/users/sip:bob@example.org/index";
const GLOBAL: &str = "/xcap-root/resource-lists/global/index";

async fn guarded() -> Xdms {
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.users = vec![
        User::new("alice", "secret").xui(ALICE).xui("tel:+15551234"),
        User::new("bob", "other").xui(BOB),
        User::new("root", "root").privileged(),
    ];
    let xdms = Xdms::start(settings).await.unwrap();
    xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    xdms.put("resource-lists", BOB, "index", LISTS).unwrap();
    xdms.put_global("resource-lists", "index", LISTS).unwrap();
    xdms
}

fn hash(algorithm: &str, parts: &[&str]) -> String {
    let text = parts.join(":");
    let octets = match algorithm {
        "MD5" => Md5::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let (_, value) = challenge.split_once(&format!("{name}=\"")).expect(name);
    value.split('"').next().unwrap()
}

/// The Authorization line that answers a challenge.
fn answer(
    challenge: &str,
    algorithm: &str,
    user: (&str, &str),
    method: &str,
    target: &str,
    count: u32,
) -> String {
    let (realm, nonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"));
    let a1 = hash(algorithm, &[user.0, realm, user.1]);
    let a2 = hash(algorithm, &[method, target]);
    let count = format!("{count:08x}");
    let response = hash(algorithm, &[&a1, nonce, &count, "abc", "auth", &a2]);
    format!(
        "Authorization: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", \
         algorithm={algorithm}, qop=auth, nc={count}, cnonce=\"abc\", response=\"{response}\"\r\n",
        user.0
    )
}

async fn as_user(xdms: &Xdms, user: (&str, &str), method: &str, path: &str) -> http::Response {
    let refused = request(xdms, method, path, TYPE, LISTS).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("WWW-Authenticate").unwrap();
    let authorization = answer(challenge, "SHA-256", user, method, path, 1);
    request(xdms, method, path, &format!("{TYPE}{authorization}"), LISTS).await
}

/// XDM-14, XDM-18.
#[tokio::test]
async fn digest_lets_in_with_either_hash_and_says_when_a_nonce_is_old() {
    let xdms = guarded().await;
    let alice = ("alice", "secret");
    let refused = request(&xdms, "GET", INDEX, "", "").await;
    assert_eq!(
        (
            refused.status,
            refused.body.as_str(),
            refused.header("ETag")
        ),
        (401, "", None)
    );
    let challenges = refused.all("WWW-Authenticate");
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"));
    assert!(
        challenges
            .iter()
            .all(|challenge| !challenge.contains("stale"))
    );
    for (n, algorithm) in ["MD5", "SHA-256"].into_iter().enumerate() {
        let line = answer(challenges[0], algorithm, alice, "GET", INDEX, n as u32 + 1);
        let let_in = request(&xdms, "GET", INDEX, &line, "").await;
        assert_eq!(
            (let_in.status, let_in.body.as_str()),
            (200, LISTS),
            "{algorithm}"
        );
        let info = let_in
            .header("Authentication-Info")
            .expect("Authentication-Info");
        let a1 = hash(algorithm, &["alice", "xcap", "secret"]);
        let a2 = hash(algorithm, &["", INDEX]);
        let nonce = parameter(challenges[0], "nonce");
        let expected = hash(
            algorithm,
            &[&a1, nonce, &format!("{:08x}", n + 1), "abc", "auth", &a2],
        );
        assert_eq!(parameter(info, "rspauth"), expected);
    }
    let wrong = answer(challenges[0], "MD5", ("alice", "wrong"), "GET", INDEX, 3);
    let refused = request(&xdms, "GET", INDEX, &wrong, "").await;
    assert_eq!(refused.status, 401);
    assert!(
        !refused
            .header("WWW-Authenticate")
            .unwrap()
            .contains("stale")
    );
    let other_target = answer(challenges[0], "MD5", alice, "GET", GLOBAL, 3);
    assert_eq!(
        request(&xdms, "GET", INDEX, &other_target, "").await.status,
        401
    );

    xdms.expire_nonces();
    let old = answer(challenges[0], "MD5", alice, "GET", INDEX, 4);
    let stale = request(&xdms, "GET", INDEX, &old, "").await;
    assert_eq!(stale.status, 401);
    let fresh = stale.header("WWW-Authenticate").unwrap();
    assert!(fresh.contains("stale=true"), "{fresh}");
    let line = answer(fresh, "SHA-256", alice, "GET", INDEX, 1);
    assert_eq!(request(&xdms, "GET", INDEX, &line, "").await.status, 200);
}

/// RFC 4825 §5.7, §8; XDM-26.
#[tokio::test]
async fn documents_are_their_owners_and_global_ones_are_read_by_all() {
    let xdms = guarded().await;
    let (alice, root) = (("alice", "secret"), ("root", "root"));
    let tel = "/xcap-root/resource-lists/users/tel:+15551234/index";
    let encoded = "/xcap-root/resource-lists/users/sip%3Aalice%40example.org/index";
    let directory =
        "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:bob@example.org/directory.xml";
    for (user, method, path, status) in [
        (alice, "GET", INDEX, 200),
        (alice, "GET", encoded, 200),
        (alice, "PUT", INDEX, 200),
        (alice, "PUT", tel, 201),
        (alice, "GET", OF_BOB, 403),
        (alice, "PUT", OF_BOB, 403),
        (alice, "DELETE", OF_BOB, 403),
        (alice, "GET", directory, 403),
        (alice, "GET", GLOBAL, 200),
        (alice, "PUT", GLOBAL, 403),
        (alice, "DELETE", GLOBAL, 403),
        (alice, "GET", "/xcap-root/xcap-caps/global/index", 200),
        (root, "PUT", GLOBAL, 200),
        (root, "GET", OF_BOB, 200),
        (root, "DELETE", OF_BOB, 200),
    ] {
        let answer = as_user(&xdms, user, method, path).await;
        assert_eq!(answer.status, status, "{} {method} {path}", user.0);
    }
    // RFC 4825 §8: who is not known has no documents, and what is not served needs no password.
    let nobody = "/xcap-root/resource-lists/users/sip:nobody@example.org/index";
    assert_eq!(request(&xdms, "GET", nobody, "", "").await.status, 404);
    let headers = format!("{TYPE}X-3GPP-Intended-Identity: \"{ALICE}\"\r\n");
    assert_eq!(
        request(&xdms, "PUT", INDEX, &headers, LISTS).await.status,
        401,
        "no front is set"
    );
}

/// XDM-10.
#[tokio::test]
async fn a_front_says_who_it_is() {
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.fronts = vec!["127.0.0.1".parse().unwrap()];
    let xdms = Xdms::start(settings).await.unwrap();
    let headers = format!("{TYPE}X-3GPP-Intended-Identity: \"{ALICE}\"\r\n");
    assert_eq!(
        request(&xdms, "PUT", INDEX, &headers, LISTS).await.status,
        201
    );
    assert_eq!(request(&xdms, "GET", INDEX, &headers, "").await.status, 200);
    assert_eq!(
        request(&xdms, "PUT", OF_BOB, &headers, LISTS).await.status,
        403
    );
    assert_eq!(
        request(&xdms, "PUT", GLOBAL, &headers, LISTS).await.status,
        403
    );
    assert_eq!(
        request(
            &xdms,
            "GET",
            "/xcap-root/xcap-caps/global/index",
            &headers,
            ""
        )
        .await
        .status,
        200
    );
    for line in ["", "X-3GPP-Intended-Identity: sip:alice@example.org\r\n"] {
        assert_eq!(
            request(&xdms, "GET", INDEX, line, "").await.status,
            403,
            "{line}"
        );
    }

    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.fronts = vec!["192.0.2.1".parse().unwrap()];
    let elsewhere = Xdms::start(settings).await.unwrap();
    assert_eq!(
        request(&elsewhere, "GET", INDEX, &headers, "").await.status,
        403
    );
}

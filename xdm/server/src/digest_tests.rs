//! Digest answers by the book, and nonces over time (XDM-14).

use super::*;

const LIFE: Duration = Duration::from_secs(100);

fn guard() -> Guard {
    Guard::new(
        "r",
        &[DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
        LIFE,
        [7; 32],
    )
}

fn users() -> Vec<User> {
    vec![User::new("bob", "x"), User::new("alice", "secret")]
}

fn nonce(guard: &mut Guard, now: Duration) -> String {
    let challenge = guard.challenges(false, now).remove(0);
    let (_, nonce) = challenge.split_once("nonce=\"").unwrap();
    nonce.trim_end_matches('"').to_owned()
}

fn answer(algorithm: DigestAlgorithm, password: &str, nonce: &str, count: &str) -> String {
    let a1 = algorithm.hash(&["alice", "r", password]);
    let a2 = algorithm.hash(&["GET", "/x"]);
    let response = algorithm.hash(&[&a1, nonce, count, "c", "auth", &a2]);
    format!(
        "Digest username=\"alice\", realm=\"r\", nonce=\"{nonce}\", uri=\"/x\", algorithm={}, qop=auth, nc={count}, cnonce=\"c\", response=\"{response}\"",
        algorithm.name()
    )
}

fn weigh(guard: &mut Guard, value: &str, now: Duration) -> Verdict {
    guard.weigh(value, "GET", "/x", &users(), now)
}

/// The example of RFC 7616 §3.9.1, both algorithms.
#[test]
fn the_examples_of_the_standard_come_out() {
    for (algorithm, response) in [
        (DigestAlgorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            DigestAlgorithm::Sha256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let a1 = algorithm.hash(&["Mufasa", "http-auth@example.org", "Circle of Life"]);
        let a2 = algorithm.hash(&["GET", "/dir/index.html"]);
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        assert_eq!(
            algorithm.hash(&[&a1, nonce, "00000001", cnonce, "auth", &a2]),
            response
        );
    }
}

#[test]
fn a_right_answer_is_granted_once_for_each_count() {
    let mut guard = guard();
    let now = Duration::from_secs(1);
    for algorithm in [DigestAlgorithm::Md5, DigestAlgorithm::Sha256] {
        let nonce = nonce(&mut guard, now);
        let first = answer(algorithm, "secret", &nonce, "00000001");
        assert!(matches!(
            weigh(&mut guard, &first, now),
            Verdict::Granted { user: 1, .. }
        ));
        assert_eq!(
            weigh(&mut guard, &first, now),
            Verdict::Refused { stale: true },
            "sent again"
        );
        let second = answer(algorithm, "secret", &nonce, "00000002");
        assert!(matches!(
            weigh(&mut guard, &second, now),
            Verdict::Granted { .. }
        ));
    }
}

#[test]
fn a_wrong_answer_is_refused_and_not_stale() {
    let mut guard = guard();
    let now = Duration::ZERO;
    let nonce = nonce(&mut guard, now);
    let right = answer(DigestAlgorithm::Md5, "secret", &nonce, "00000001");
    for wrong in [
        answer(DigestAlgorithm::Md5, "wrong", &nonce, "00000001"),
        right.replace("alice", "mallory"),
        right.replace("uri=\"/x\"", "uri=\"/y\""),
        right.replace("realm=\"r\"", "realm=\"q\""),
        right.replace("algorithm=MD5", "algorithm=SHA-512-256"),
        right.replace("qop=auth", "qop=auth-int"),
        right.replace("nc=00000001", "nc=1"),
        answer(DigestAlgorithm::Md5, "secret", &nonce, "00000000"),
        right.replace("Digest", "Basic"),
        format!("{right}, nc=00000001"),
        right.replace(", cnonce=\"c\"", ""),
        "Digest".into(),
        "Digest username=\"alice".into(),
        String::new(),
    ] {
        assert_eq!(
            weigh(&mut guard, &wrong, now),
            Verdict::Refused { stale: false },
            "{wrong}"
        );
    }
    assert!(matches!(
        weigh(&mut guard, &right, now),
        Verdict::Granted { .. }
    ));
}

#[test]
fn nonces_grow_old_and_the_next_is_told_in_time() {
    let mut guard = guard();
    let nonce = nonce(&mut guard, Duration::ZERO);
    let sent = |count: u32| {
        answer(
            DigestAlgorithm::Sha256,
            "secret",
            &nonce,
            &format!("{count:08x}"),
        )
    };
    let info = |verdict| match verdict {
        Verdict::Granted { info, .. } => info,
        refused => panic!("{refused:?}"),
    };
    let young = info(weigh(&mut guard, &sent(1), LIFE / 2));
    assert!(
        young.contains("rspauth=\"") && !young.contains("nextnonce"),
        "{young}"
    );
    let old = info(weigh(&mut guard, &sent(2), LIFE));
    let (_, next) = old.split_once("nextnonce=\"").expect("nextnonce");
    let late = LIFE + Duration::from_millis(1);
    assert_eq!(
        weigh(&mut guard, &sent(3), late),
        Verdict::Refused { stale: true }
    );
    let next = answer(
        DigestAlgorithm::Sha256,
        "secret",
        next.trim_end_matches('"'),
        "00000001",
    );
    assert!(matches!(
        weigh(&mut guard, &next, late),
        Verdict::Granted { .. }
    ));
    guard.expire();
    assert_eq!(
        weigh(&mut guard, &next, late),
        Verdict::Refused { stale: true }
    );
    let forged = answer(DigestAlgorithm::Md5, "secret", "0.1.00", "00000001");
    assert_eq!(
        weigh(&mut guard, &forged, late),
        Verdict::Refused { stale: true }
    );
    assert!(
        guard
            .challenges(true, late)
            .iter()
            .all(|challenge| challenge.ends_with(", stale=true"))
    );
}

#[test]
fn so_many_nonces_are_remembered() {
    let mut guard = guard();
    let now = Duration::ZERO;
    for _ in 0..MAX_NONCES {
        let nonce = nonce(&mut guard, now);
        guard.counts.insert(nonce, 1);
    }
    let one_more = nonce(&mut guard, now);
    let answered = answer(DigestAlgorithm::Md5, "secret", &one_more, "00000001");
    assert_eq!(
        weigh(&mut guard, &answered, now),
        Verdict::Refused { stale: true }
    );
    assert!(guard.counts.is_empty());
}

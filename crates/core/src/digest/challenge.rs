//! `WWW-Authenticate` and `Proxy-Authenticate`: digest challenges, and which one to answer (RFC 7616 §3.3, RFC 8760 §2.4).

use alloc::string::String;
use alloc::vec::Vec;

use super::Algorithm;
use super::scan::{Piece, Pieces};

/// One digest challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Protection space, unquoted.
    pub realm: String,
    /// Server nonce, unquoted.
    pub nonce: String,
    /// Text to be returned as it came.
    pub opaque: Option<String>,
    /// The nonce of the request was too old, its password was right: answer again without asking (RFC 7616 §3.3).
    pub stale: bool,
    /// The algorithm; none if the challenge names one that is unknown here.
    pub algorithm: Option<Algorithm>,
    /// The algorithm's name as received, to be returned; none if the challenge named none.
    pub algorithm_name: Option<String>,
    /// Offered quality of protection in the order received; none for the style of RFC 2069.
    pub qop: Option<Vec<Qop>>,
    /// The server wants the user name hashed (RFC 7616 §3.4.4).
    pub userhash: bool,
}

/// Quality of protection (RFC 7616 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

/// Which algorithms may be answered (SEC-10, SEC-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// MD5 with a typed password. Default: yes, as SIP servers seldom offer better.
    pub md5: bool,
    /// AKA, for a host that asks its SIM for the password. Default: no.
    pub aka: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            md5: true,
            aka: false,
        }
    }
}

impl Policy {
    /// The topmost challenge that can be answered and that the policy allows (RFC 8760 §2.4).
    pub fn choose(self, challenges: &[Challenge]) -> Option<&Challenge> {
        challenges.iter().find(|challenge| {
            challenge.is_answerable()
                && challenge.algorithm.is_some_and(|algorithm| {
                    (self.md5 || !algorithm.is_md5()) && (self.aka || !algorithm.is_aka())
                })
        })
    }
}

/// [`Policy::choose`] with the default policy.
pub fn choose(challenges: &[Challenge]) -> Option<&Challenge> {
    Policy::default().choose(challenges)
}

impl Challenge {
    /// The first digest challenge in a header value. None if it holds no digest challenge with realm and nonce.
    pub fn parse(value: &str) -> Option<Self> {
        Self::all(core::iter::once(value)).into_iter().next()
    }

    /// Every digest challenge of the header lines, topmost first. Other schemes, unknown parameters and
    /// challenges without realm or nonce are passed over (RFC 8760 §2.4).
    pub fn all<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let mut found = Vec::new();
        for value in values {
            let mut draft: Option<Draft> = None;
            let mut in_qop = false;
            for piece in Pieces::of(value) {
                match piece {
                    // `qop=auth,auth-int` without quotes falls apart at its comma.
                    Piece::Word(word) if in_qop && parse_qop(word).is_some() => {
                        if let Some(draft) = &mut draft {
                            draft.qop.get_or_insert_default().extend(parse_qop(word));
                        }
                    }
                    Piece::Word(scheme) => {
                        found.extend(draft.take().and_then(Draft::finish));
                        in_qop = false;
                        draft = scheme.eq_ignore_ascii_case("Digest").then(Draft::default);
                    }
                    Piece::Param(name, value) => {
                        in_qop = name.eq_ignore_ascii_case("qop");
                        if let Some(draft) = &mut draft {
                            draft.set(name, &value);
                        }
                    }
                }
            }
            found.extend(draft.and_then(Draft::finish));
        }
        found
    }

    /// Whether algorithm and quality of protection are among those known here.
    pub fn is_answerable(&self) -> bool {
        self.algorithm.is_some() && self.qop.as_ref().is_none_or(|offered| !offered.is_empty())
    }
}

/// A challenge while its parameters come in; of a parameter given twice the first counts.
#[derive(Default)]
struct Draft {
    realm: Option<String>,
    nonce: Option<String>,
    opaque: Option<String>,
    stale: Option<bool>,
    algorithm: Option<String>,
    qop: Option<Vec<Qop>>,
    userhash: Option<bool>,
}

impl Draft {
    fn set(&mut self, name: &str, value: &str) {
        match name {
            n if n.eq_ignore_ascii_case("realm") => set_once(&mut self.realm, value),
            n if n.eq_ignore_ascii_case("nonce") => set_once(&mut self.nonce, value),
            n if n.eq_ignore_ascii_case("opaque") => set_once(&mut self.opaque, value),
            n if n.eq_ignore_ascii_case("algorithm") => set_once(&mut self.algorithm, value),
            n if n.eq_ignore_ascii_case("stale") => {
                self.stale
                    .get_or_insert_with(|| value.trim().eq_ignore_ascii_case("true"));
            }
            n if n.eq_ignore_ascii_case("userhash") => {
                self.userhash
                    .get_or_insert_with(|| value.trim().eq_ignore_ascii_case("true"));
            }
            // An empty list offers nothing, as if it were not there.
            n if n.eq_ignore_ascii_case("qop") && !value.trim().is_empty() => {
                self.qop
                    .get_or_insert_with(|| value.split(',').filter_map(parse_qop).collect());
            }
            _ => {}
        }
    }

    fn finish(self) -> Option<Challenge> {
        Some(Challenge {
            realm: self.realm?,
            nonce: self.nonce?,
            opaque: self.opaque,
            stale: self.stale.unwrap_or(false),
            algorithm: match &self.algorithm {
                Some(name) => Algorithm::parse(name.trim()),
                None => Some(Algorithm::Md5),
            },
            algorithm_name: self.algorithm.map(|name| name.trim().into()),
            qop: self.qop,
            userhash: self.userhash.unwrap_or(false),
        })
    }
}

fn set_once(slot: &mut Option<String>, value: &str) {
    slot.get_or_insert_with(|| value.into());
}

fn parse_qop(text: &str) -> Option<Qop> {
    match text.trim() {
        q if q.eq_ignore_ascii_case("auth") => Some(Qop::Auth),
        q if q.eq_ignore_ascii_case("auth-int") => Some(Qop::AuthInt),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;
    use proptest::prelude::*;

    fn algorithms(lines: &[&str]) -> Vec<Option<Algorithm>> {
        Challenge::all(lines.iter().copied())
            .into_iter()
            .map(|c| c.algorithm)
            .collect()
    }

    #[test]
    fn odd_spelling_of_a_challenge_means_the_same() {
        let plain =
            Challenge::parse(r#"Digest realm="r", nonce="n", qop="auth,auth-int""#).unwrap();
        assert_eq!(plain.qop, Some(vec![Qop::Auth, Qop::AuthInt]));
        assert_eq!(plain.algorithm, Some(Algorithm::Md5));
        for odd in [
            r#"  digest  realm = "r" ,nonce= "n",,qop ="auth , auth-int" "#,
            "DIGEST REALM=\"r\",\r\n  NONCE=\"n\",\r\n\tQOP=\"AUTH,AUTH-INT\"",
            "Digest realm=r, nonce=n, qop=auth,auth-int",
            r#"Digest nonce="n" realm="r" qop="auth,auth-int""#,
            r#"Digest realm="r", domain="/ /x", nonce="n", x-new=1, qop="auth,auth-int,more""#,
            r#"Digest realm="r", nonce="n", qop=auth,auth-int, realm="other""#,
            r#"Digest "stray" realm="r", nonce="n", ="x", stale=no, qop="auth,auth-int"#,
        ] {
            assert_eq!(Challenge::parse(odd).as_ref(), Some(&plain), "{odd}");
        }
    }

    #[test]
    fn quoted_commas_equal_signs_and_escapes_belong_to_the_value() {
        let challenge = Challenge::parse(
            r#"Digest realm="a, Digest \"b\" \\ c=d", nonce="n=,", opaque="", stale=TRUE"#,
        )
        .unwrap();
        assert_eq!(challenge.realm, r#"a, Digest "b" \ c=d"#);
        assert_eq!(challenge.nonce, "n=,");
        assert_eq!(challenge.opaque.as_deref(), Some(""));
        assert!(challenge.stale);
        assert_eq!(challenge.qop, None);
    }

    #[test]
    fn what_is_no_digest_challenge_is_none() {
        for other in [
            "",
            "Digest",
            "Basic realm=\"r\"",
            "Digest realm=\"r\"",
            "Digest nonce=\"n\"",
            "realm=\"r\", nonce=\"n\"",
            "Digester realm=\"r\", nonce=\"n\"",
        ] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
    }

    #[test]
    fn several_challenges_come_out_of_one_line_and_of_several_lines() {
        let md5 = r#"Digest realm="r", nonce="n""#;
        let sha = r#"Digest realm="r", nonce="n", algorithm=SHA-256"#;
        let both = vec![Some(Algorithm::Md5), Some(Algorithm::Sha256)];
        assert_eq!(algorithms(&[md5, sha]), both);
        assert_eq!(algorithms(&[&format!("{md5}, {sha}")]), both);
        let among_others =
            format!("Basic realm=\"x\", Negotiate, {md5}, NTLM abc==, {sha}, Bearer a=b");
        assert_eq!(algorithms(&[&among_others]), both);
    }

    /// SEC-10, RFC 8760 §2.4.
    #[test]
    fn the_topmost_supported_challenge_is_chosen() {
        let line =
            |algorithm: &str| format!(r#"Digest realm="r", nonce="n", algorithm={algorithm}"#);
        let no_md5 = Policy {
            md5: false,
            ..Policy::default()
        };
        let aka = Policy {
            aka: true,
            ..Policy::default()
        };
        use Algorithm::*;
        let table: [(&[&str], Policy, Option<Algorithm>); 9] = [
            (&["SHA-256", "MD5"], Policy::default(), Some(Sha256)),
            (&["MD5", "SHA-256"], Policy::default(), Some(Md5)),
            (&["SHA-3", "MD5"], Policy::default(), Some(Md5)),
            (&["\"sha-256\"", "MD5"], Policy::default(), Some(Sha256)),
            (&["SHA-3"], Policy::default(), None),
            (
                &["MD5", "MD5-sess", "SHA-256-sess"],
                no_md5,
                Some(Sha256Sess),
            ),
            (&["MD5"], no_md5, None),
            (&["AKAv1-MD5", "MD5"], Policy::default(), Some(Md5)),
            (&["AKAv1-MD5", "MD5"], aka, Some(AkaV1Md5)),
        ];
        for (offered, policy, expected) in table {
            let lines: Vec<String> = offered.iter().map(|a| line(a)).collect();
            let challenges = Challenge::all(lines.iter().map(String::as_str));
            let chosen = policy.choose(&challenges).and_then(|c| c.algorithm);
            assert_eq!(chosen, expected, "{offered:?}");
        }
    }

    #[test]
    fn a_challenge_that_offers_only_unknown_qop_is_passed_over() {
        let challenges = Challenge::all(
            [
                r#"Digest realm="a", nonce="n", qop="auth-conf""#,
                r#"Digest realm="b", nonce="n", qop="""#,
            ]
            .into_iter(),
        );
        assert_eq!(choose(&challenges).map(|c| c.realm.as_str()), Some("b"));
    }

    proptest! {
        #[test]
        fn every_quoted_text_is_read_back_as_it_was(
            realm in "\\PC*", nonce in "\\PC*", blank in "[ \t]{0,3}", others in 0..3usize,
        ) {
            let quote = |text: &str| {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{escaped}\"")
            };
            let one = format!(
                "Digest x=1{blank},realm{blank}={blank}{}{blank},{blank}nonce={}",
                quote(&realm),
                quote(&nonce)
            );
            let line = vec![one; others + 1].join(", ");
            let found = Challenge::all(core::iter::once(line.as_str()));
            prop_assert_eq!(found.len(), others + 1);
            for challenge in found {
                prop_assert_eq!(&challenge.realm, &realm);
                prop_assert_eq!(&challenge.nonce, &nonce);
            }
        }

        #[test]
        fn no_text_makes_the_reader_fail(line in "(Digest|[ ,=\"\\\\]|realm|nonce|qop|é|\\PC)*") {
            let found = Challenge::all(core::iter::once(line.as_str()));
            prop_assert!(found.len() <= line.len());
        }
    }
}

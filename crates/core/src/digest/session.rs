//! Answers to a challenge, and what is kept of it for the next requests (RFC 7616 §3.4, §3.5, §3.6).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use super::scan::{Piece, Pieces, push_quoted, push_token};
use super::{Algorithm, Challenge, Credentials, Qop};

/// What is kept after a challenge: the next requests are authorised without a further round trip.
///
/// A session ends with the next challenge from the same server: make a new one of it.
#[derive(Clone, Debug)]
pub struct Session {
    realm: String,
    nonce: String,
    /// Nonce of the challenge: A1 of the `-sess` algorithms keeps it (RFC 7616 §3.4.2).
    first_nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    algorithm_name: Option<String>,
    qop: Option<Qop>,
    userhash: bool,
    cnonce: String,
    nonce_count: u32,
}

/// Why a challenge cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// The algorithm is none of [`Algorithm`].
    #[error(
        "the challenge for realm {realm:?} asks for the digest algorithm {name:?}, which is not supported"
    )]
    Algorithm {
        /// Realm of the challenge.
        realm: String,
        /// Name as received.
        name: String,
    },
    /// The challenge offers quality of protection, but neither `auth` nor `auth-int`.
    #[error("the challenge for realm {realm:?} offers neither qop auth nor auth-int")]
    Qop {
        /// Realm of the challenge.
        realm: String,
    },
}

impl Session {
    /// Takes up a challenge. `cnonce` is the client's random text, 16 octets or more of it in hex or base64;
    /// it serves for the whole session.
    pub fn new(challenge: &Challenge, cnonce: String) -> Result<Self, Unanswerable> {
        let Some(algorithm) = challenge.algorithm else {
            return Err(Unanswerable::Algorithm {
                realm: challenge.realm.clone(),
                name: challenge.algorithm_name.clone().unwrap_or_default(),
            });
        };
        let qop = match &challenge.qop {
            None => None,
            Some(offered) if offered.contains(&Qop::Auth) => Some(Qop::Auth),
            Some(offered) if offered.contains(&Qop::AuthInt) => Some(Qop::AuthInt),
            Some(_) => {
                return Err(Unanswerable::Qop {
                    realm: challenge.realm.clone(),
                });
            }
        };
        Ok(Self {
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            first_nonce: challenge.nonce.clone(),
            opaque: challenge.opaque.clone(),
            algorithm,
            algorithm_name: challenge.algorithm_name.clone(),
            qop,
            userhash: challenge.userhash,
            cnonce,
            nonce_count: 0,
        })
    }

    /// Realm of the challenge, unquoted.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The nonce the next request will use.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// How many requests used the present nonce.
    pub fn nonce_count(&self) -> u32 {
        self.nonce_count
    }

    /// Value of `Authorization` or `Proxy-Authorization` for one request; counts the nonce up.
    ///
    /// `digest_uri` is the Request-URI in SIP, path and query in HTTP; `body` matters with `auth-int` only.
    pub fn authorize(
        &mut self,
        credentials: &Credentials,
        method: &str,
        digest_uri: &str,
        body: &[u8],
    ) -> String {
        self.answer(credentials, method, digest_uri, body, None)
    }

    /// The same when the SIM finds the challenge's sequence number out of range: `auts` is its AUTS in base64, from which
    /// the server learns the right one. Instead of RES the empty password is hashed (RFC 3310 §3.2, §3.4).
    pub fn authorize_with_auts(
        &mut self,
        username: &str,
        auts: &str,
        method: &str,
        digest_uri: &str,
        body: &[u8],
    ) -> String {
        let credentials = Credentials {
            username: username.into(),
            password: "".into(),
        };
        self.answer(&credentials, method, digest_uri, body, Some(auts))
    }

    fn answer(
        &mut self,
        credentials: &Credentials,
        method: &str,
        digest_uri: &str,
        body: &[u8],
        auts: Option<&str>,
    ) -> String {
        self.nonce_count = self.nonce_count.saturating_add(1);
        let count = format!("{:08x}", self.nonce_count);
        let username: Cow<'_, str> = if self.userhash {
            let parts = [credentials.username.as_bytes(), self.realm.as_bytes()];
            Cow::Owned(self.algorithm.hash(&parts))
        } else {
            Cow::Borrowed(&credentials.username)
        };
        let response = self.response(credentials, method, digest_uri, body, &count);

        let mut out = String::new();
        push_quoted(&mut out, "username", &username);
        push_quoted(&mut out, "realm", &self.realm);
        push_quoted(&mut out, "nonce", &self.nonce);
        push_quoted(&mut out, "uri", digest_uri);
        push_quoted(&mut out, "response", &response);
        if let Some(name) = &self.algorithm_name {
            push_token(&mut out, "algorithm", name);
        }
        if self.qop.is_some() || self.algorithm.is_session() {
            push_quoted(&mut out, "cnonce", &self.cnonce);
        }
        if let Some(opaque) = &self.opaque {
            push_quoted(&mut out, "opaque", opaque);
        }
        if let Some(qop) = self.qop {
            push_token(&mut out, "qop", qop_name(qop));
            push_token(&mut out, "nc", &count);
        }
        if self.userhash {
            push_token(&mut out, "userhash", "true");
        }
        if let Some(auts) = auts {
            push_quoted(&mut out, "auts", auts);
        }
        out
    }

    /// Takes `nextnonce` from `Authentication-Info` or `Proxy-Authentication-Info` (RFC 7616 §3.5).
    pub fn handle_authentication_info(&mut self, value: &str) {
        for piece in Pieces::of(value) {
            if let Piece::Param(name, next) = piece
                && name.eq_ignore_ascii_case("nextnonce")
                && next != self.nonce
            {
                self.nonce = next.into_owned();
                self.nonce_count = 0;
                return;
            }
        }
    }

    /// RFC 7616 §3.4.1: H(H(A1) : nonce … : H(A2)).
    fn response(
        &self,
        credentials: &Credentials,
        method: &str,
        digest_uri: &str,
        body: &[u8],
        count: &str,
    ) -> String {
        let h = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let mut a1 = h(&[
            credentials.username.as_bytes(),
            self.realm.as_bytes(),
            credentials.password.as_bytes(),
        ]);
        if self.algorithm.is_session() {
            a1 = h(&[
                a1.as_bytes(),
                self.first_nonce.as_bytes(),
                self.cnonce.as_bytes(),
            ]);
        }
        let a2 = if self.qop == Some(Qop::AuthInt) {
            let body = h(&[body]);
            h(&[method.as_bytes(), digest_uri.as_bytes(), body.as_bytes()])
        } else {
            h(&[method.as_bytes(), digest_uri.as_bytes()])
        };
        match self.qop {
            None => h(&[a1.as_bytes(), self.nonce.as_bytes(), a2.as_bytes()]),
            Some(qop) => h(&[
                a1.as_bytes(),
                self.nonce.as_bytes(),
                count.as_bytes(),
                self.cnonce.as_bytes(),
                qop_name(qop).as_bytes(),
                a2.as_bytes(),
            ]),
        }
    }
}

fn qop_name(qop: Qop) -> &'static str {
    match qop {
        Qop::Auth => "auth",
        Qop::AuthInt => "auth-int",
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

//! Digest authentication, the server's side (RFC 7616, RFC 8760): challenges, answers, nonces that grow old.

use std::collections::HashMap;
use std::time::Duration;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::users::User;

/// How many nonces are remembered with their highest count; beyond it all nonces become stale at once.
pub const MAX_NONCES: usize = 10_000;

/// Hash of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// MD5.
    Md5,
}

impl DigestAlgorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Sha256 => hex(&Sha256::digest(text)),
            Self::Md5 => hex(&Md5::digest(text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an Authorization header comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The number of the user, and the value of Authentication-Info (RFC 7616 §3.5).
    Granted { user: usize, info: String },
    /// Not right, or of another nonce than one that is valid now.
    Refused { stale: bool },
}

/// The challenges of a server and what it remembers of them.
pub(crate) struct Guard {
    realm: String,
    algorithms: Vec<DigestAlgorithm>,
    lifetime: Duration,
    secret: [u8; 32],
    issued: u64,
    /// Nonce to highest nonce count seen.
    counts: HashMap<String, u32>,
}

impl Guard {
    pub(crate) fn new(
        realm: &str,
        algorithms: &[DigestAlgorithm],
        lifetime: Duration,
        secret: [u8; 32],
    ) -> Self {
        Self {
            realm: realm.to_owned(),
            algorithms: algorithms.to_vec(),
            lifetime,
            secret,
            issued: 0,
            counts: HashMap::new(),
        }
    }

    /// Every nonce so far is stale from now on.
    pub(crate) fn expire(&mut self) {
        self.counts.clear();
        self.secret = Sha256::digest(self.secret).into();
    }

    /// The values of WWW-Authenticate, strongest first (RFC 7616 §3.7).
    pub(crate) fn challenges(&mut self, stale: bool, now: Duration) -> Vec<String> {
        let nonce = self.nonce(now);
        let stale = if stale { ", stale=true" } else { "" };
        let challenge = |algorithm: &DigestAlgorithm| {
            let (realm, name) = (&self.realm, algorithm.name());
            format!(
                "Digest realm=\"{realm}\", qop=\"auth\", algorithm={name}, nonce=\"{nonce}\"{stale}"
            )
        };
        self.algorithms.iter().map(challenge).collect()
    }

    fn nonce(&mut self, now: Duration) -> String {
        self.issued += 1;
        let stamp = format!("{:x}.{:x}", now.as_millis(), self.issued);
        let seal = self.seal(&stamp);
        format!("{stamp}.{seal}")
    }

    fn seal(&self, stamp: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(stamp);
        hex(&hash.finalize()[..16])
    }

    /// How old a nonce of ours is; `None` if it is not ours.
    fn age(&self, nonce: &str, now: Duration) -> Option<Duration> {
        let (stamp, seal) = nonce.rsplit_once('.')?;
        let (millis, _) = stamp.split_once('.')?;
        let issued = Duration::from_millis(u64::from_str_radix(millis, 16).ok()?);
        same(seal, &self.seal(stamp)).then(|| now.saturating_sub(issued))
    }

    /// Weighs the value of Authorization for a request with this method and target.
    pub(crate) fn weigh(
        &mut self,
        value: &str,
        method: &str,
        target: &str,
        users: &[User],
        now: Duration,
    ) -> Verdict {
        self.weighed(value, method, target, users, now)
            .unwrap_or(Verdict::Refused { stale: false })
    }

    fn weighed(
        &mut self,
        value: &str,
        method: &str,
        target: &str,
        users: &[User],
        now: Duration,
    ) -> Option<Verdict> {
        let answer = Answer::parse(value)?;
        let name = answer.get("algorithm").unwrap_or("MD5");
        let mut offered = self.algorithms.iter().copied();
        let algorithm = offered.find(|known| known.name().eq_ignore_ascii_case(name))?;
        let (nonce, cnonce, count) = (
            answer.get("nonce")?,
            answer.get("cnonce")?,
            answer.get("nc")?,
        );
        let (uri, qop) = (answer.get("uri")?, answer.get("qop")?);
        if answer.get("realm")? != self.realm || qop != "auth" || uri != target || count.len() != 8
        {
            return None;
        }
        let number = u32::from_str_radix(count, 16)
            .ok()
            .filter(|number| *number > 0)?;
        let user = users
            .iter()
            .position(|user| Some(user.name.as_str()) == answer.get("username"))?;
        let a1 = algorithm.hash(&[&users[user].name, &self.realm, &users[user].password]);
        let respond = |method: &str| {
            let a2 = algorithm.hash(&[method, uri]);
            algorithm.hash(&[&a1, nonce, count, cnonce, qop, &a2])
        };
        if !same(
            &respond(method),
            &answer.get("response")?.to_ascii_lowercase(),
        ) {
            return None;
        }
        // The password is right: what is wrong now is only the nonce (RFC 7616 §3.3: stale).
        let stale = Some(Verdict::Refused { stale: true });
        let Some(age) = self.age(nonce, now).filter(|age| *age <= self.lifetime) else {
            return stale;
        };
        if self
            .counts
            .get(nonce)
            .is_some_and(|highest| number <= *highest)
        {
            return stale;
        }
        if self.counts.len() >= MAX_NONCES && !self.counts.contains_key(nonce) {
            self.expire();
            return stale;
        }
        self.counts.insert(nonce.to_owned(), number);
        let mut info = format!(
            "rspauth=\"{}\", qop=auth, nc={count}, cnonce=\"{cnonce}\"",
            respond("")
        );
        if age > self.lifetime / 2 {
            info.push_str(&format!(", nextnonce=\"{}\"", self.nonce(now)));
        }
        Some(Verdict::Granted { user, info })
    }
}

/// Compares without telling by time where they differ.
fn same(one: &str, other: &str) -> bool {
    let differences = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differences == 0
}

/// The parameters of an Authorization header (RFC 7616 §3.4).
struct Answer(Vec<(String, String)>);

impl Answer {
    fn parse(value: &str) -> Option<Self> {
        let (scheme, mut rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Self(parameters));
            }
            let (name, behind) = rest.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            let behind = behind.trim_start();
            let (value, behind) = match behind.strip_prefix('"') {
                Some(quoted) => unquote(quoted)?,
                None => {
                    let end = behind.find(',').unwrap_or(behind.len());
                    (behind[..end].trim().to_owned(), &behind[end..])
                }
            };
            // Twice the same is nothing that a client means.
            if parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, value));
            rest = behind;
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A quoted string without its first quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, text.get(at + 1..)?)),
            (_, '\\') => value.push(characters.next()?.1),
            (_, c) => value.push(c),
        }
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;

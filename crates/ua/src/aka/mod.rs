//! Authentication and Key Agreement: the SIM's half of AKAv1-MD5 (RFC 3310, TS 33.102 §6.3, TS 35.206 Milenage).

mod file;

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use milenage::Milenage;
use rollmark::core::digest::Secret;

pub use file::{AkaFile, AkaFileError};

/// Octets of RAND and of AUTN, which a nonce begins with (RFC 3310 §3.2).
const HALF: usize = 16;

/// The two keys of a SIM. `Debug` hides them.
#[derive(Clone)]
pub struct Sim {
    k: [u8; 16],
    opc: [u8; 16],
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sim(redacted)")
    }
}

/// What a SIM makes of a challenge.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The network is the user's own.
    Authentic {
        /// The password: RES, octets (RFC 3310 §3.3).
        res: Secret,
        /// Cipher key, for a security association.
        ck: Secret,
        /// Integrity key, for a security association.
        ik: Secret,
        /// Sequence number of the challenge, to be kept before the answer is sent.
        sqn: u64,
    },
    /// The challenge is the network's, but its sequence number is not newer than the last one accepted: `auts`, base64, tells
    /// the network the SIM's (RFC 3310 §3.4). The response is made with an empty password.
    Resynchronise {
        /// Value of the parameter.
        auts: String,
    },
    /// The challenge was not made with this SIM's key (MAC), or the key given is wrong.
    Forged,
    /// The nonce is no challenge of AKA.
    Malformed,
}

impl Sim {
    /// A SIM with these keys; OPc is derived from the operator's OP and K (TS 35.206 §4.1).
    #[must_use]
    pub fn new(k: [u8; 16], opc: [u8; 16]) -> Self {
        Self { k, opc }
    }

    /// Answers the nonce of a challenge. `last` is the sequence number accepted last (48 bits), 0 for none: a newer one is
    /// taken, however far ahead, any other asks for re-synchronisation (TS 33.102 §6.3.3).
    #[must_use]
    pub fn answer(&self, nonce: &str, last: u64) -> Answer {
        let Some((rand, autn)) = challenge(nonce) else {
            return Answer::Malformed;
        };
        let (sqn_ak, amf, mac) = parts(&autn);
        let mut milenage = Milenage::new_with_opc(self.k, self.opc);
        let (res, ck, ik, ak) = milenage.f2345(&rand);
        let sqn = xor(sqn_ak, ak);
        if !equal(&milenage.f1(&rand, &sqn, &amf), &mac) {
            return Answer::Forged;
        }
        let number = sqn.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        if number <= last {
            return Answer::Resynchronise {
                auts: self.auts(&rand, last),
            };
        }
        Answer::Authentic {
            res: res.to_vec().into(),
            ck: ck.to_vec().into(),
            ik: ik.to_vec().into(),
            sqn: number,
        }
    }

    /// AUTS = SQN_MS xor AK* || MAC-S, with an AMF of zeros (TS 33.102 §6.3.3).
    fn auts(&self, rand: &[u8; HALF], last: u64) -> String {
        let mut sqn = [0; 6];
        sqn.copy_from_slice(&last.to_be_bytes()[2..]);
        let mut milenage = Milenage::new_with_opc(self.k, self.opc);
        let mac = milenage.f1star(rand, &sqn, &[0, 0]);
        let concealed = xor(sqn, milenage.f5star(rand));
        BASE64.encode(&[&concealed[..], &mac[..]].concat())
    }
}

/// RAND and AUTN of a nonce; what follows them is the server's own (RFC 3310 §3.2).
fn challenge(nonce: &str) -> Option<([u8; HALF], [u8; HALF])> {
    let octets = BASE64_NOPAD
        .decode(nonce.trim().trim_end_matches('=').as_bytes())
        .ok()?;
    let rand = octets.get(..HALF)?.try_into().ok()?;
    let autn = octets.get(HALF..2 * HALF)?.try_into().ok()?;
    Some((rand, autn))
}

/// SQN xor AK, AMF, MAC of an AUTN (TS 33.102 §6.3.2).
fn parts(autn: &[u8; HALF]) -> ([u8; 6], [u8; 2], [u8; 8]) {
    let (mut sqn, mut amf, mut mac) = ([0; 6], [0; 2], [0; 8]);
    sqn.copy_from_slice(&autn[..6]);
    amf.copy_from_slice(&autn[6..8]);
    mac.copy_from_slice(&autn[8..]);
    (sqn, amf, mac)
}

fn xor(mut a: [u8; 6], b: [u8; 6]) -> [u8; 6] {
    for (a, b) in a.iter_mut().zip(b) {
        *a ^= b;
    }
    a
}

/// Compares in a time that does not tell where they differ.
fn equal(a: &[u8; 8], b: &[u8; 8]) -> bool {
    a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;

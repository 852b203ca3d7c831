//! The SIM against a network of the test's own (RFC 3310, TS 35.208), and the files.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

/// Test set 1 of TS 35.208 §4.3.
const K: [u8; 16] = *b"\x46\x5b\x5c\xe8\xb1\x99\xb4\x9f\xaa\x5f\x0a\x2e\xe2\x38\xa6\xbc";
const OPC: [u8; 16] = *b"\xcd\x63\xcb\x71\x95\x4a\x9f\x4e\x48\xa5\x99\x4e\x37\xa0\x2b\xaf";
const RAND: [u8; 16] = *b"\x23\x55\x3c\xbe\x96\x37\xa8\x9d\x21\x8a\xe6\x4d\xae\x47\xbf\x35";
const SQN: u64 = 0xff9b_b4d0_b607;
/// AUTN by the set's SQN, AK, AMF and MAC-A.
const AUTN: [u8; 16] = *b"\x55\xf3\x28\xb4\x35\x77\xb9\xb9\x4a\x9f\xfa\xc3\x54\xdf\xaf\xb3";

fn nonce(rand: &[u8], autn: &[u8]) -> String {
    BASE64.encode(&[rand, autn].concat())
}

/// SEC-11, RFC 3310, TS 35.208 §4.3: published numbers, also with data of the server after them and without padding.
#[test]
fn the_published_test_set_is_answered() {
    let sim = Sim::new(K, OPC);
    let long = BASE64.encode(&[&RAND[..], &AUTN[..], b"server"].concat());
    let bare = nonce(&RAND, &AUTN).trim_end_matches('=').to_owned();
    for nonce in [nonce(&RAND, &AUTN), long, bare] {
        let Answer::Authentic { res, ck, ik, sqn } = sim.answer(&nonce, 0) else {
            panic!("{nonce}");
        };
        assert_eq!(res.as_bytes(), b"\xa5\x42\x11\xd5\xe3\xba\x50\xbf");
        assert_eq!(
            ck.as_bytes(),
            b"\xb4\x0b\xa9\xa3\xc5\x8b\x2a\x05\xbb\xf0\xd9\x87\xb2\x1b\xf8\xcb"
        );
        assert_eq!(
            ik.as_bytes(),
            b"\xf7\x69\xbc\xd7\x51\x04\x46\x04\x12\x76\x72\x71\x1c\x6d\x34\x41"
        );
        assert_eq!(sqn, SQN);
    }
}

/// RFC 3310 §3.4: a number used before asks for re-synchronisation, and the network can read the SIM's number from it.
#[test]
fn an_old_sequence_number_is_not_accepted_again() {
    let sim = Sim::new(K, OPC);
    for last in [SQN, SQN + 1, 0xffff_ffff_ffff] {
        let Answer::Resynchronise { auts } = sim.answer(&nonce(&RAND, &AUTN), last) else {
            panic!("{last}");
        };
        let auts = BASE64.decode(auts.as_bytes()).unwrap();
        let mut network = Milenage::new_with_opc(K, OPC);
        let sqn = xor(auts[..6].try_into().unwrap(), network.f5star(&RAND));
        assert_eq!(sqn, last.to_be_bytes()[2..]);
        assert_eq!(auts[6..], network.f1star(&RAND, &sqn, &[0, 0]));
    }
    assert!(matches!(
        sim.answer(&nonce(&RAND, &AUTN), SQN - 1),
        Answer::Authentic { .. }
    ));
}

#[test]
fn a_challenge_of_somebody_else_is_forged_and_junk_is_malformed() {
    let sim = Sim::new(K, OPC);
    for at in 0..16 {
        let mut autn = AUTN;
        autn[at] ^= 1;
        assert!(
            matches!(sim.answer(&nonce(&RAND, &autn), 0), Answer::Forged),
            "octet {at}"
        );
    }
    let other = Sim::new([0; 16], OPC);
    assert!(matches!(
        other.answer(&nonce(&RAND, &AUTN), 0),
        Answer::Forged
    ));
    for junk in ["", "=", "AAAA", "not base64 at all!", "é"] {
        assert!(matches!(sim.answer(junk, 0), Answer::Malformed), "{junk:?}");
    }
    assert_eq!(format!("{sim:?}"), "Sim(redacted)");
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rollmark-aka-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const KEYS: &str =
    "# alice\nk = 465B5CE8B199B49FAA5F0A2EE238A6BC\r\n\n  OPC=cd63cb71954a9f4e48a5994e37a02baf\n";

#[test]
fn the_sequence_number_outlives_the_program_and_is_the_users_own() {
    let folder = folder("keep");
    let path = folder.join("alice.aka");
    std::fs::write(&path, KEYS).unwrap();
    let file = AkaFile::open(&path).unwrap();
    assert_eq!(file.sqn, 0);
    assert!(matches!(
        file.sim.answer(&nonce(&RAND, &AUTN), 0),
        Answer::Authentic { .. }
    ));
    file.keep(SQN).unwrap();
    file.keep(SQN + 32).unwrap();
    assert_eq!(AkaFile::open(&path).unwrap().sqn, SQN + 32);
    let kept = folder.join("alice.aka.sqn");
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");
    for bad in ["", "12", "zzzzzzzzzzzz", "0000000000001", "+00000000001"] {
        std::fs::write(&kept, bad).unwrap();
        assert!(
            matches!(AkaFile::open(&path), Err(AkaFileError::Sequence { .. })),
            "{bad:?}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(file.keep(1), Err(AkaFileError::Keep { .. })));
}

#[test]
fn a_bad_aka_file_is_named_without_its_secrets() {
    let folder = folder("bad");
    let path = folder.join("x.aka");
    let key = "465b5ce8b199b49faa5f0a2ee238a6bc";
    for (text, said) in [
        (format!("k = {key}"), "no line opc"),
        (format!("opc = {key}"), "no line k"),
        (format!("k = {key}\nop = {key}"), "line 2"),
        (format!("k {key}"), "line 1"),
        (format!("k = {}\nopc = {key}", &key[2..]), "k on line 1"),
        (format!("k = {key}\n#\nopc = x{key}"), "opc on line 3"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = AkaFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(said), "{said:?} in {error:?}");
        assert!(!error.contains(&key[2..]), "{error:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(
        AkaFile::open(&path),
        Err(AkaFileError::Unreadable { .. })
    ));
}

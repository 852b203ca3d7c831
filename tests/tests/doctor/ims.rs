//! Faults of an IMS core: registration, Service-Route, identities (IMS-01…10, TS 24.229 §5.1.1).

use rollmark_tests::patient::{HEALTHY, SILENT, Script};

use crate::examination::{Row, hold_all};

const IMS: &[&str] = &["--mode", "ims"];
const ROUTE: (&str, &str) = ("Service-Route", "<sip:orig@192.0.2.7;lr>");
const ALICE: (&str, &str) = ("P-Associated-URI", "<sip:alice@example.org>");

/// IMS-04, IMS-07, SW-10: what the answer to REGISTER lacks.
#[test]
fn what_a_registration_lacks() {
    hold_all(&[
        Row {
            name: "healthy",
            script: Script {
                register: |talk, asked| talk.register(asked, &[ROUTE, ALICE]),
                ..HEALTHY
            },
            args: IMS,
            failed: &[],
            noted: &[],
            words: &[
                (
                    "registration",
                    &["200", "for 600 s", "S-CSCF behind <sip:orig@192.0.2.7;lr>"],
                ),
                ("identities", &["sip:alice@example.org is among them"]),
                ("deregistration", &["200"]),
            ],
        },
        Row {
            name: "the identity is barred",
            script: Script {
                register: |talk, asked| {
                    talk.register(
                        asked,
                        &[
                            ROUTE,
                            (
                                "P-Associated-URI",
                                "<sip:public@example.org>, <tel:+15550100>",
                            ),
                        ],
                    );
                },
                ..HEALTHY
            },
            args: IMS,
            failed: &[],
            noted: &["identities"],
            words: &[(
                "identities",
                &[
                    "barred",
                    "in the name of sip:public@example.org",
                    "implicit registration set",
                ],
            )],
        },
        Row {
            name: "no identity at all",
            script: Script {
                register: |talk, asked| talk.register(asked, &[ROUTE, ("P-Associated-URI", "<>")]),
                ..HEALTHY
            },
            args: IMS,
            failed: &["identities"],
            noted: &[],
            words: &[
                ("identities", &["P-Associated-URI", "in the HSS"]),
                ("deregistration", &["200"]),
            ],
        },
        Row {
            name: "no Service-Route",
            script: Script {
                register: |talk, asked| talk.register(asked, &[ALICE]),
                ..HEALTHY
            },
            args: IMS,
            failed: &["service-route"],
            noted: &[],
            words: &[("service-route", &["no Service-Route", "have the S-CSCF"])],
        },
        Row {
            name: "a Service-Route with a hole",
            script: Script {
                register: |talk, asked| {
                    talk.register(asked, &[("Service-Route", "<http://nowhere>"), ALICE])
                },
                ..HEALTHY
            },
            args: IMS,
            failed: &["service-route"],
            noted: &[],
            words: &[("service-route", &["http://nowhere", "left out"])],
        },
        Row {
            name: "half an S-CSCF",
            script: Script {
                register: |talk, asked| talk.register(asked, &[ALICE]),
                ..HEALTHY
            },
            args: &["--mode", "auto"],
            failed: &[],
            noted: &["mode"],
            words: &[("mode", &["plain SIP", "no Service-Route", "--mode ims"])],
        },
        Row {
            name: "a server that registers nobody",
            script: Script {
                register: |talk, asked| talk.answer(asked, 405, &[]),
                ..HEALTHY
            },
            args: &["--mode", "auto"],
            failed: &[],
            noted: &["registration"],
            words: &[
                ("registration", &["405", "registers nobody"]),
                ("mode", &["plain SIP"]),
            ],
        },
    ]);
}

/// A registration that does not come about, and who answered.
#[test]
fn a_registration_that_is_refused() {
    let aka = crate::examination::file("alice.aka", rollmark_tests::ims::ALICE_AKA);
    let aka: &'static str = aka.leak();
    let sim: &'static [&'static str] = vec!["--mode", "ims", "--aka-file", aka].leak();
    hold_all(&[
        Row {
            name: "403",
            script: Script {
                register: |talk, asked| talk.answer(asked, 403, &[("Server", "edge")]),
                ..HEALTHY
            },
            args: IMS,
            failed: &["registration"],
            noted: &[],
            words: &[(
                "registration",
                &["403", "nobody has challenged", "Server: edge", "--user"],
            )],
        },
        Row {
            name: "a security agreement is wanted",
            script: Script {
                register: |talk, asked| {
                    talk.answer(
                        asked,
                        494,
                        &[(
                            "Security-Server",
                            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4",
                        )],
                    );
                },
                ..HEALTHY
            },
            args: IMS,
            failed: &["registration"],
            noted: &[],
            words: &[("registration", &["494", "answered by the P-CSCF", "IPsec"])],
        },
        Row {
            name: "a key that is not the SIM's",
            script: Script {
                register: |talk, asked| match talk.registers {
                    1 => {
                        let nonce = "AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=";
                        let challenge = format!(
                            "Digest realm=\"example.org\", nonce=\"{nonce}\", algorithm=AKAv1-MD5, qop=\"auth\""
                        );
                        talk.answer(asked, 401, &[("WWW-Authenticate", &challenge)]);
                    }
                    _ => talk.answer(asked, 403, &[]),
                },
                ..HEALTHY
            },
            args: sim,
            failed: &["registration"],
            noted: &[],
            words: &[(
                "registration",
                &["not made with this SIM's key", "k and opc", "home domain"],
            )],
        },
        Row {
            name: "nobody answers the REGISTER",
            script: Script {
                register: SILENT,
                ..HEALTHY
            },
            args: &["--mode", "ims", "--patience", "5"],
            failed: &["registration"],
            noted: &[],
            words: &[("registration", &["no answer in 5 s", "--server"])],
        },
    ]);
}

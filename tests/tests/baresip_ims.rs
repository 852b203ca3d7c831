//! The module in Debian's baresip on an IMS core: registration by baresip, facts from its trace, headers of IMS.

use rollmark_tests::baresip::{Phone, folder, write_config};
use rollmark_tests::ims::{ImsLab, values};

/// bob's softphone, which registers at the P-CSCF by digest.
fn bob(lab: &ImsLab, keys: &str) -> Phone {
    let accounts = format!(
        "<sip:bob@ims.test>;auth_user=bob@ims.test;auth_pass=bob-secret;outbound=\"sip:{}\";regint=600;sipnat=outbound;answermode=manual\n",
        lab.pcscf()
    );
    // Path is supported only by accounts with outbound, and that needs a UUID.
    let modules = [
        "stdio.so",
        "uuid.so",
        "account.so",
        "menu.so",
        "conference.so",
    ];
    let dir = folder(&accounts, &modules);
    write_config(&dir, keys, &modules);
    Phone::open(&dir)
}

/// SW-01, SW-05, IMS-01, IMS-02: what the registrar said to baresip decides, and nothing is sent before that.
#[test]
fn a_registration_seen_in_the_trace_makes_it_an_ims_core() {
    let lab = ImsLab::start(&[]);
    lab.publish(
        "conf-room",
        &[("carol", "connected"), ("dave", "connected")],
    );
    let mut phone = bob(&lab, "conference_mode auto\nconference_trace_tap yes\n");
    phone.heard("200 OK");
    phone.asked("conf_watch sip:conf-room@ims.test", "watching");
    phone.heard("roster of 2 users");
    let asked = lab.wait_received("pcscf", "SUBSCRIBE", |message| {
        message.contains("Event: conference")
    });
    assert_eq!(values(&asked, "P-Preferred-Identity").len(), 1, "{asked}");
    assert!(
        values(&asked, "Route").len() >= 2,
        "P-CSCF and Service-Route: {asked}"
    );

    // Plain SIP from now on: the old subscription is ended, and one without headers of IMS is made.
    phone.asked("conf_mode sip", "mode sip");
    phone.heard("state active");
    lab.wait_received("pcscf", "SUBSCRIBE", |message| {
        let is_initial = values(message, "To").iter().all(|to| !to.contains("tag="));
        is_initial && values(message, "P-Preferred-Identity").is_empty()
    });
    phone.terminate();
    phone.heard("ended unsubscribed");
}

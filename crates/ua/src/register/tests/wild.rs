//! Any order of events.

use rollmark::core::header;

use super::*;

/// What a registrar, a network or a user may do at any time.
fn act(world: &mut World, what: u8) {
    let stale = format!("{DIGEST}, stale=true");
    let forged = aka([1; 16], 64);
    let fresh = aka(K, 64 + u64::try_from(world.sent.len()).unwrap());
    let server = [
        ("WWW-Authenticate", fresh.as_str()),
        ("Security-Server", SERVER),
    ];
    match what {
        0 => drop(world.answer(&ok("600"))),
        1 => drop(world.answer(&ok("0"))),
        2 => drop(world.answer(&challenge(DIGEST))),
        3 => drop(world.answer(&challenge(&stale))),
        4 => drop(world.answer(&challenge(&forged))),
        5 => drop(world.answer(&challenge(&fresh))),
        6 => drop(world.answer(&response(401, &server))),
        7 => drop(world.answer(&response(423, &[("Min-Expires", "700000")]))),
        8 => drop(world.answer(&response(503, &[("Retry-After", "4294967295")]))),
        9 => drop(world.answer(&response(403, &[]))),
        10 => drop(world.fail(SendFailure::NoAnswer)),
        11 => world.registrar.register(),
        12 => world
            .registrar
            .handle_network_change("sip:alice@192.0.2.77"),
        13 => world.registrar.deregister(),
        14 => drop(world.answer(&response(100, &[]))),
        _ if world.registrar.next_wake().is_some() => drop(world.wake()),
        _ => {}
    }
    world.drain();
}

proptest::proptest! {
    /// Whatever happens, in whatever order: one request under way at most, none without cause, an end that is one, and no
    /// sequence number taken twice.
    #[test]
    fn no_order_of_events_makes_it_run_wild(events in proptest::collection::vec(0..16u8, 0..60)) {
        let mut world = World::new(Settings {
            password: Some(Secret::from("secret")),
            security_client: vec![OFFER.into()],
            ..with_sim(0)
        });
        let mut ended_with = None;
        for (n, what) in events.into_iter().enumerate() {
            let before = world.sent.len();
            act(&mut world, what);
            proptest::prop_assert!(world.sent.len() <= before + 1, "event {n} sent more than one request");
            if world.ended && ended_with.is_none() {
                ended_with = Some(world.sent.len());
            }
            let active = world.state() == RegistrationState::Active;
            proptest::prop_assert!(!active || world.registrar.next_wake().is_some(), "nobody would renew it");
            proptest::prop_assert!(!active || world.registrar.facts().expires.is_some());
        }
        if let Some(sent) = ended_with {
            proptest::prop_assert_eq!(world.sent.len(), sent, "an end is an end");
            proptest::prop_assert_eq!(world.registrar.next_wake(), None);
        }
        let cseqs: Vec<u32> = world
            .sent
            .iter()
            .filter_map(|(request, _)| header::cseq(request.headers.get("CSeq")?).map(|(n, _)| n))
            .collect();
        proptest::prop_assert!(cseqs.iter().copied().eq(1..=u32::try_from(world.sent.len()).unwrap()));
        proptest::prop_assert!(world.kept.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", world.kept);
    }
}

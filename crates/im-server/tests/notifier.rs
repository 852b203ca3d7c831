//! The notifier over real sockets, seen by a subscriber of bare text (RFC 6665 §4.2, RFC 4575).

mod raw;

use std::time::Duration;

use raw::{DEADLINE, ROOM, Subscriber};
use rollmark_im_server::network::LossyLink;
use rollmark_im_server::{
    Conference, CreateError, FinalDocument, Focus, FocusError, ImServer, Settings, Status,
    TerminationReason, User,
};
use tokio::time::timeout;

const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.org";

async fn start(settings: Settings) -> (ImServer, Focus) {
    let server = ImServer::bind(settings).await.unwrap();
    let conference = Conference::new("Talk").user(User::connected(ALICE));
    let focus = server.create_conference(ROOM, conference).unwrap();
    (server, focus)
}

fn document(state: &str, version: u32) -> (String, u32) {
    (state.to_owned(), version)
}

async fn wait_for_subscribers(focus: &Focus, count: usize) {
    let mut subscribers = focus.subscribers().unwrap();
    let reached = subscribers.wait_for(|known| *known == count);
    timeout(DEADLINE, reached).await.unwrap().unwrap();
}

/// CONF-17, OMA-33: full state answers each SUBSCRIBE.
#[tokio::test]
async fn a_subscription_lives_through_change_refresh_and_end_of_time() {
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;

    // RFC 6665 §4.2.1.1, §4.2.1.2; RFC 4579 §3.2
    let response = watcher.subscribe(600).await;
    assert_eq!(response.start, "SIP/2.0 200 OK");
    assert_eq!(response.header("Expires"), "600");
    assert_eq!(
        response.header("Contact"),
        format!("<sip:room@{}>;isfocus", server.udp_addr())
    );
    assert!(
        response
            .header("To")
            .starts_with("<sip:room@example.org;transport=tcp>;tag="),
        "To keeps its parameters"
    );
    let first = watcher.notify().await;
    assert_eq!(first.header("Subscription-State"), "active;expires=600");
    assert_eq!(first.header("Event"), "conference");
    assert_eq!(first.header("From"), response.header("To"));
    assert_eq!(
        first.header("To"),
        "\"W\" <sip:watcher@example.org:5070>;tag=w1"
    );
    assert_eq!(first.document(), document("full", 1));
    assert!(first.body.contains(ALICE));

    // RFC 4575 §5.2: partial documents count one by one.
    focus.join(User::connected(BOB)).unwrap();
    let joined = watcher.notify().await;
    assert_eq!(joined.document(), document("partial", 2));
    assert!(joined.body.contains(BOB) && !joined.body.contains(ALICE));
    assert!(joined.body.contains("<user-count>2</user-count>"));
    assert_eq!(joined.cseq(), first.cseq() + 1);

    focus.notify_full().unwrap();
    assert_eq!(watcher.notify().await.document(), document("full", 3));

    // RFC 6665 §4.2.1.4
    let refreshed = watcher.subscribe(1200).await;
    assert_eq!(refreshed.header("Expires"), "1200");
    let full = watcher.notify().await;
    assert_eq!(full.document(), document("full", 4));
    assert_eq!(full.header("Subscription-State"), "active;expires=1200");

    watcher.subscribe(0).await;
    let last = watcher.notify().await;
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(last.document(), document("full", 5));
    wait_for_subscribers(&focus, 0).await;

    let gone = watcher.subscribe(600).await;
    assert!(gone.start.starts_with("SIP/2.0 481 "), "{gone:?}");
}

#[tokio::test]
async fn several_changes_go_into_one_notify_and_none_into_none() {
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.subscribe(600).await;
    watcher.notify().await;

    focus
        .change(|conference| {
            conference.subject = Some("News".into());
            conference.join(User::with_status(BOB, Status::DialingIn))
        })
        .unwrap();
    let both = watcher.notify().await;
    assert!(both.body.contains("News") && both.body.contains("dialing-in"));

    let same = focus.set_subject("News");
    assert_eq!(same, Ok(()));
    let refused = focus.join(User::connected(BOB));
    assert!(matches!(refused, Err(FocusError::Roster { .. })));
    focus.boot(BOB, Some("noise")).unwrap();
    let boot = watcher.notify().await;
    assert_eq!(
        boot.document(),
        document("partial", 3),
        "nothing in between"
    );
    assert!(boot.body.contains("booted") && boot.body.contains("noise"));
    focus.remove(BOB).unwrap();
    let removed = watcher.notify().await;
    assert!(removed.body.contains("state=\"deleted\""));
}

#[tokio::test]
async fn the_network_loses_one_notify_and_a_refresh_repairs_the_gap() {
    let (server, focus) = start(Settings::default()).await;
    let link = LossyLink::bind(server.udp_addr()).await.unwrap();
    server.advertise_udp(link.addr());
    let mut watcher = Subscriber::udp(link.addr()).await;
    watcher.subscribe(600).await;
    assert_eq!(watcher.target, format!("sip:room@{}", link.addr()));
    assert_eq!(watcher.notify().await.document(), document("full", 1));

    link.lose_next_notify();
    focus.join(User::connected(BOB)).unwrap();
    timeout(DEADLINE, link.wait_lost(1)).await.unwrap();
    focus.leave(ALICE).unwrap();
    // RFC 4575 §4.6: one number is missing.
    let after_gap = watcher.notify().await;
    assert_eq!(after_gap.document(), document("partial", 3));
    assert!(!after_gap.body.contains(BOB));

    watcher.subscribe(600).await;
    let full = watcher.notify().await;
    assert_eq!(full.document(), document("full", 4));
    assert!(full.body.contains(BOB));
    assert_eq!(link.lost(), 1);
}

#[tokio::test]
async fn notifies_leave_in_order_without_waiting_for_answers() {
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.subscribe(600).await;
    let mut last = watcher.notify_unanswered().await.cseq();
    for number in 0..20 {
        focus.set_subject(format!("subject {number}")).unwrap();
    }
    for number in 0..20 {
        let notify = watcher.notify_unanswered().await;
        assert_eq!(notify.document(), document("partial", number + 2));
        assert!(notify.body.contains(&format!("subject {number}<")));
        assert_eq!(notify.cseq(), last + 1);
        last = notify.cseq();
    }
}

#[tokio::test]
async fn a_fetch_gets_one_notify_and_leaves_no_subscription() {
    // RFC 6665 §4.4.3
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    let response = watcher.subscribe(0).await;
    assert_eq!(response.header("Expires"), "0");
    let only = watcher.notify().await;
    assert_eq!(
        only.header("Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(only.document(), document("full", 1));
    assert_eq!(*focus.subscribers().unwrap().borrow(), 0);
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_refused() {
    let settings = Settings {
        min_expires: 60,
        ..Settings::default()
    };
    let (server, _focus) = start(settings).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;

    watcher.target = "sip:nowhere@example.org".into();
    let unknown = watcher.subscribe(600).await;
    assert!(unknown.start.starts_with("SIP/2.0 404 "), "{unknown:?}");
    assert!(unknown.header("To").contains(";tag="));
    watcher.target = ROOM.into();

    watcher.event = "presence".into();
    let event = watcher.subscribe(600).await;
    assert!(event.start.starts_with("SIP/2.0 489 "), "{event:?}");
    assert_eq!(event.header("Allow-Events"), "conference, xcap-diff");
    watcher.event = "conference;id=7".into();

    // RFC 6665 §4.2.1.1
    let brief = watcher.subscribe(59).await;
    assert!(brief.start.starts_with("SIP/2.0 423 "), "{brief:?}");
    assert_eq!(brief.header("Min-Expires"), "60");

    let to = std::mem::replace(&mut watcher.to, format!("<{ROOM}>;tag=unknown"));
    let dialog = watcher.subscribe(600).await;
    assert!(dialog.start.starts_with("SIP/2.0 481 "), "{dialog:?}");
    watcher.to = to;

    // Granted: never more than the limit, with the id of the request.
    let granted = watcher.subscribe(100_000).await;
    assert_eq!(granted.header("Expires"), "3600");
    assert_eq!(watcher.notify().await.header("Event"), "conference;id=7");
}

#[tokio::test]
async fn the_end_of_the_conference_ends_the_subscription() {
    let (server, focus) = start(Settings {
        answer_202: true,
        ..Settings::default()
    })
    .await;
    let twice = server.create_conference("sip:room@EXAMPLE.org;x=1", Conference::default());
    assert!(matches!(twice, Err(CreateError::Exists { .. })));
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    let accepted = watcher.subscribe(600).await;
    assert!(accepted.start.starts_with("SIP/2.0 202 "), "{accepted:?}");
    watcher.notify().await;

    focus.end(FinalDocument::Deleted).unwrap();
    let last = watcher.notify().await;
    // RFC 6665 §4.1.3, RFC 4575 §4.6
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=noresource"
    );
    assert_eq!(last.document(), document("deleted", 2));
    assert!(matches!(focus.leave(ALICE), Err(FocusError::Ended { .. })));

    let mut late = Subscriber::udp(server.udp_addr()).await;
    let unknown = late.subscribe(600).await;
    assert!(unknown.start.starts_with("SIP/2.0 404 "), "{unknown:?}");
}

#[tokio::test]
async fn subscriptions_can_be_ended_and_made_again() {
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.subscribe(600).await;
    watcher.notify().await;
    let wait = Some(Duration::from_secs(5));
    focus
        .terminate(TerminationReason::Probation, wait, FinalDocument::None)
        .unwrap();
    let last = watcher.notify().await;
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=probation;retry-after=5"
    );
    assert_eq!(last.header("Content-Type"), "");

    let mut again = Subscriber::udp(server.udp_addr()).await;
    again.subscribe(600).await;
    assert_eq!(again.notify().await.document(), document("full", 1));
}

#[tokio::test]
async fn a_subscription_without_refresh_times_out() {
    // RFC 6665 §4.2.1.4
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.subscribe(1).await;
    watcher.notify().await;
    let last = watcher.notify().await;
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=timeout"
    );
    wait_for_subscribers(&focus, 0).await;
}

#[tokio::test]
async fn a_notify_answered_481_removes_the_subscription() {
    // RFC 6665 §4.2.2
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.subscribe(600).await;
    wait_for_subscribers(&focus, 1).await;
    let notify = watcher.notify_unanswered().await;
    watcher.answer(&notify, "481 Gone").await;
    wait_for_subscribers(&focus, 0).await;
}

#[tokio::test]
async fn the_record_route_comes_back_as_route_in_order() {
    // RFC 3261 §12.1.1
    let (server, _focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.extra = "Record-Route: <sip:p2.example.org;lr>, <sip:p1.example.org;lr;x=\"y\">\r\n\
                     Record-Route: <sip:p0.example.org;lr>\r\n"
        .into();
    let response = watcher.subscribe(600).await;
    let path = [
        "<sip:p2.example.org;lr>, <sip:p1.example.org;lr;x=\"y\">",
        "<sip:p0.example.org;lr>",
    ];
    assert_eq!(response.all("Record-Route"), path);
    assert_eq!(watcher.notify().await.all("Route"), path);
}

#[tokio::test]
async fn tcp_subscribers_are_notified_on_their_connection() {
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::tcp(server.tcp_addr()).await;
    let response = watcher.subscribe(600).await;
    assert_eq!(
        response.header("Contact"),
        format!("<sip:room@{};transport=tcp>;isfocus", server.tcp_addr())
    );
    assert_eq!(watcher.notify().await.document(), document("full", 1));
    focus.join(User::connected(BOB)).unwrap();
    assert_eq!(watcher.notify().await.document(), document("partial", 2));
    watcher.subscribe(0).await;
    let last = watcher.notify().await;
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=timeout"
    );
}

#[tokio::test]
async fn a_closed_connection_ends_its_subscription_at_the_next_change() {
    let (server, focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::tcp(server.tcp_addr()).await;
    watcher.subscribe(600).await;
    watcher.notify().await;
    drop(watcher);
    let gone = async {
        for number in 0_u64.. {
            focus.set_subject(number.to_string()).unwrap();
            if *focus.subscribers().unwrap().borrow() == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_is_silent_and_its_conferences_are_over() {
    let (server, focus) = start(Settings::default()).await;
    let (other, _other_focus) = start(Settings::default()).await;
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.subscribe(600).await;
    watcher.notify().await;
    drop(server);
    assert!(matches!(focus.leave(ALICE), Err(FocusError::Ended { .. })));
    watcher.send_subscribe(600).await;
    // What another server does in the same time, this one would have done too.
    let mut fence = Subscriber::udp(other.udp_addr()).await;
    fence.subscribe(600).await;
    fence.notify().await;
    assert!(
        watcher.nothing_waits().await,
        "an answer from a dropped server"
    );
}

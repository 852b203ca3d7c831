//! Recordings of the plugin: a replay tells what its consumer was told, and no recording holds the plugin up.

use std::time::Duration;

use rollmark::core::host::{Action, Fact};
use rollmark::core::message::{Headers, Request, Response};
use rollmark::record::{End, Fault, Lines, MAX_LINES, Names, Player, Reader, Recorder};
use rollmark::{Account, Capabilities, Conference, Conferences, Event, Port, What};

const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("nothing came in time")
}

fn start(names: Names) -> (Conferences, Port, Recorder, Lines) {
    let (recorder, lines) = Recorder::new(names);
    let account = Account::new("sip:alice@example.org");
    let (conferences, port) =
        Conferences::start_recorded(Capabilities::TRANSACTION, account, &recorder);
    (conferences, port, recorder, lines)
}

/// The headers of the SUBSCRIBE, which is accepted.
async fn accept(port: &mut Port) -> Headers {
    let action = within(port.next_action()).await.expect("a SUBSCRIBE");
    let Action::Send {
        transaction,
        request,
        ..
    } = action
    else {
        panic!("a transaction host is asked to send");
    };
    let mut headers = Headers::new();
    headers.push("To", "<sip:room@example.org>;tag=focus");
    headers.push("Contact", "<sip:focus@192.0.2.9>");
    port.reporter().fact(Fact::Response {
        transaction,
        response: Response {
            status: 200,
            reason: "OK".into(),
            headers,
            body: Vec::new(),
        },
    });
    request.headers
}

async fn notify(port: &Port, subscribe: &Headers, version: u32, state: &str) {
    let whole = if version == 0 { "full" } else { "partial" };
    let body = format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:room@example.org' state='{whole}' \
         version='{version}'><users state='{whole}'><user entity='sip:user{version}@example.org' state='full'/></users>\
         </conference-info>"
    );
    let mut headers = Headers::new();
    headers.push("From", "<sip:room@example.org>;tag=focus");
    headers.push("To", subscribe.get("From").unwrap());
    headers.push("Call-ID", subscribe.get("Call-ID").unwrap());
    headers.push("CSeq", format!("{} NOTIFY", version + 1));
    headers.push("Event", "conference");
    headers.push("Subscription-State", state);
    headers.push("Content-Type", "application/conference-info+xml");
    let request = Request {
        method: "NOTIFY".into(),
        uri: "sip:alice@192.0.2.1".into(),
        headers,
        body: body.into_bytes(),
    };
    let answering = within(port.reporter().request(request)).await;
    assert_eq!(answering.expect("it is ours").status, 200);
}

/// All lines until the end.
async fn text(mut lines: Lines) -> String {
    let mut text = String::new();
    while let Some(line) = within(lines.next()).await {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Until the last event that is due: the present end of the subscription.
async fn rest(mut conference: Conference) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = within(conference.next()).await {
        events.push(event);
    }
    events
}

fn replay(text: &str) -> Result<Vec<Event>, Fault> {
    let reader = Reader::new(text.as_bytes())?;
    let mut player = Player::new(reader.capabilities, reader.seed);
    let mut events = Vec::new();
    for line in reader {
        events.extend(player.play(&line?)?.told.map(|told| told.event));
    }
    Ok(events)
}

/// SUB-32: what a slow consumer missed, and the fresh roster that he got for it, come again where they came.
#[tokio::test]
async fn a_replay_tells_what_a_slow_consumer_was_told() {
    const USERS: u32 = 1100;
    let (conferences, mut port, recorder, lines) = start(Names::Kept);
    let conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let subscribe = accept(&mut port).await;
    let taking = tokio::spawn(text(lines));
    for version in 0..USERS {
        notify(&port, &subscribe, version, "active").await;
    }
    // Read only now, when the queue is long full.
    let reading = tokio::spawn(rest(conference));
    // Events that came before the queue was empty are lost; this one is behind the fresh roster, or in it.
    notify(&port, &subscribe, USERS, "active").await;
    notify(&port, &subscribe, USERS + 1, "terminated;reason=noresource").await;
    let events = within(reading).await.unwrap();
    recorder.finish();
    let text = within(taking).await.unwrap();
    assert!(text.contains("\"line\":\"lost\""), "nobody was too slow");
    let again = replay(&text).unwrap();
    assert_eq!(events.len(), again.len());
    for (event, again) in events.iter().zip(&again) {
        assert_eq!(format!("{event:?}"), format!("{again:?}"));
    }
    assert!(matches!(again.last().unwrap().what, What::Ended { .. }));
}

/// Lines that nobody takes end the recording, and nothing else.
#[tokio::test]
async fn a_recording_that_is_not_taken_ends_and_the_plugin_goes_on() {
    let (conferences, mut port, recorder, lines) = start(Names::Replaced);
    let mut conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let subscribe = accept(&mut port).await;
    let mut version = 0;
    while recorder.end().is_none() {
        notify(&port, &subscribe, version, "active").await;
        version += 1;
        assert!((version as usize) < MAX_LINES, "it never ends");
    }
    assert_eq!(lines.end(), Some(End::Behind));
    notify(&port, &subscribe, version, "active").await;
    assert!(within(conference.next()).await.is_some());
    let text = text(lines).await;
    // What was written is whole; only its end is missing.
    assert!(
        matches!(replay(&text), Err(Fault::Cut { .. })),
        "{:?}",
        replay(&text).map(|e| e.len())
    );
}

#[tokio::test]
async fn dropped_lines_end_the_recording_and_nothing_else() {
    let (conferences, mut port, recorder, lines) = start(Names::Replaced);
    drop(lines);
    let mut conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let subscribe = accept(&mut port).await;
    notify(&port, &subscribe, 0, "active").await;
    assert!(within(conference.next()).await.is_some());
    assert_eq!(recorder.end(), Some(End::Dropped));
}

/// A recorder records one run; the end of the plugin is the end of it.
#[tokio::test]
async fn the_end_of_the_plugin_is_the_last_line() {
    let (conferences, port, recorder, lines) = start(Names::Replaced);
    let (other, other_port) = Conferences::start_recorded(
        Capabilities::TRANSACTION,
        Account::new("sip:bob@example.org"),
        &recorder,
    );
    drop((conferences, port));
    let text = text(lines).await;
    drop((other, other_port));
    assert!(
        text.lines().last().unwrap().contains("\"line\":\"end\""),
        "{text}"
    );
    assert_eq!(text.matches("\"line\":\"account\"").count(), 1, "{text}");
    assert_eq!(replay(&text).unwrap().len(), 0);
    assert_eq!(recorder.end(), Some(End::Finished));
}

/// Whatever is wrong is named with its line; what is before is played.
#[tokio::test]
async fn a_bad_recording_says_where_it_is_bad() {
    let (conferences, mut port, recorder, lines) = start(Names::Kept);
    let _conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let subscribe = accept(&mut port).await;
    notify(&port, &subscribe, 0, "active").await;
    recorder.finish();
    let whole = text(lines).await;
    let told = replay(&whole).unwrap().len();
    assert!(told > 2);

    assert!(matches!(replay(""), Err(Fault::NoRecording)));
    assert!(matches!(replay("{}\n"), Err(Fault::NoRecording)));
    assert!(matches!(
        replay("rollmark-recording 1\n"),
        Err(Fault::NoRecording)
    ));
    let newer = whole.replacen("\"rollmark-recording\":1", "\"rollmark-recording\":9", 1);
    assert!(matches!(replay(&newer), Err(Fault::Version { version }) if version == "9"));
    let count = whole.lines().count();
    for cut in (0..whole.len()).step_by(61) {
        if !whole.is_char_boundary(cut) {
            continue;
        }
        let line = whole[..cut].lines().count().max(1);
        match replay(&whole[..cut]) {
            Err(Fault::Cut { line: at }) => assert!(at == line || at == line + 1 && at <= count),
            Err(Fault::NoRecording) => assert_eq!(line, 1),
            other => panic!("cut off at {cut}: {:?}", other.map(|events| events.len())),
        }
    }
    let damaged = whole.replacen("{\"t\":0,\"line\":\"account\"", "{\"t\":0,\"account\"", 1);
    assert!(
        matches!(replay(&damaged), Err(Fault::Syntax { line: 3 })),
        "{damaged}"
    );
    let unknown = whole.replacen("\"once\":false", "\"once\":false,\"soon\":1", 1);
    let fault = replay(&unknown).unwrap_err().to_string();
    assert!(fault.contains("line ") && fault.contains("soon"), "{fault}");
    let other = whole.replacen("\"event\":\"roster\"", "\"event\":\"joined\"", 1);
    assert!(matches!(replay(&other), Err(Fault::Differs { .. })));
    let endless = format!("{}{}", whole.lines().next().unwrap(), "\n").into_bytes();
    let endless = std::io::Read::chain(&endless[..], std::io::repeat(b' '));
    let mut reader = Reader::new(std::io::BufReader::new(endless)).unwrap();
    assert!(matches!(
        reader.next(),
        Some(Err(Fault::TooLong { line: 2 }))
    ));
    assert!(reader.next().is_none());
}

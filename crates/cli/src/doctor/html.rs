//! The doctor's findings as one page to be sent to an operator: nothing in it is fetched, nothing runs, nothing is secret.

use std::fmt::Write;

use super::check::{Check, Examination, State};
use super::subject::Subject;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(crate) fn page(found: &Examination, subject: &Subject) -> String {
    let failed = found.count(State::Failed);
    let made = found.checks.len() - found.count(State::Skipped);
    let verdict = match failed {
        0 => "No check failed".to_owned(),
        1 => format!("1 of {made} checks failed"),
        failed => format!("{failed} of {made} checks failed"),
    };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{verdict} – rollmark doctor</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    let word = match failed {
        0 => "ok",
        _ => "failed",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "<header>\n<p class=\"soft small\">rollmark doctor {}, {}, in {:.1} s</p>\n<h1 class=\"{word}\">{verdict}</h1>\n\
         <p>{} ok, {} noted, {failed} failed, {} not tried.</p>\n</header>",
        env!("CARGO_PKG_VERSION"),
        subject.time,
        subject.since.elapsed().as_secs_f64(),
        found.count(State::Ok),
        found.count(State::Note),
        found.count(State::Skipped),
    );
    subject_part(&mut page, found, subject);
    to_do_part(&mut page, found);
    page.push_str("<h2>Checks</h2>\n");
    for check in &found.checks {
        check_part(&mut page, check);
    }
    departures_part(&mut page, found);
    messages_part(&mut page, found);
    let names = match found.redactor.is_on() {
        true => {
            "Users are named user1, user2 and so on, the same one by the same; hosts and addresses are as they are."
        }
        false => {
            "Identities of users, hosts and addresses are in this page as they are; run it with --redact to replace the users."
        }
    };
    let _ = write!(
        page,
        "<p class=\"soft small\">{names} Passwords, keys, answers to challenges, documents and entries of lists are not in it.</p>\n\
         </body>\n</html>\n"
    );
    page
}

fn subject_part(page: &mut String, found: &Examination, subject: &Subject) {
    page.push_str("<dl>\n");
    for (name, value) in &subject.rows {
        let value = escaped(&found.presentable(value));
        let _ = writeln!(page, "<dt>{name}</dt><dd>{value}</dd>");
    }
    page.push_str("</dl>\n");
}

/// What failed, in the order in which to begin.
fn to_do_part(page: &mut String, found: &Examination) {
    let failed: Vec<_> = found
        .checks
        .iter()
        .filter(|check| check.state == State::Failed)
        .collect();
    if failed.is_empty() {
        return;
    }
    page.push_str("<h2>To be mended</h2>\n<ol>\n");
    for check in failed {
        let _ = writeln!(
            page,
            "<li><a href=\"#{}\">{}</a>: {}<br><span class=\"mend\">{}</span></li>",
            check.id.as_str(),
            check.id.title(),
            escaped(&check.got),
            escaped(check.mend.as_deref().unwrap_or_default()),
        );
    }
    page.push_str("</ol>\n");
}

fn check_part(page: &mut String, check: &Check) {
    let state = check.state.as_str();
    let (word, got) = match check.state {
        State::Skipped => ("not tried", format!("Because {}", check.got)),
        _ => (state, check.got.clone()),
    };
    let _ = write!(
        page,
        "<section class=\"check {state}\" id=\"{}\">\n<header><b>{word}</b><h3>{}</h3></header>\n<p>{}</p>\n",
        check.id.as_str(),
        check.id.title(),
        escaped(&got),
    );
    if check.state != State::Skipped {
        page.push_str("<dl class=\"small\">\n");
        if let Some(mend) = &check.mend {
            let _ = writeln!(
                page,
                "<dt>To do</dt><dd class=\"mend\">{}</dd>",
                escaped(mend)
            );
        }
        let _ = writeln!(page, "<dt>Done</dt><dd>{}</dd>", escaped(&check.did));
        if !check.clause.is_empty() {
            let _ = writeln!(page, "<dt>See</dt><dd>{}</dd>", escaped(check.clause));
        }
        let _ = writeln!(page, "<dt>Took</dt><dd>{:.3} s</dd>\n</dl>", check.seconds);
    }
    page.push_str("</section>\n");
}

fn departures_part(page: &mut String, found: &Examination) {
    if found.departures.is_empty() {
        return;
    }
    page.push_str("<h2>Departures of the server from its standards</h2>\n<dl>\n");
    for departure in &found.departures {
        let _ = writeln!(
            page,
            "<dt>{}</dt><dd>{}<br><span class=\"soft small\">Here: {}</span></dd>",
            escaped(departure.code),
            escaped(departure.meaning),
            escaped(&departure.detail),
        );
    }
    page.push_str("</dl>\n");
}

fn messages_part(page: &mut String, found: &Examination) {
    if found.messages.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Messages of the subscription</h2>\n<table>\n<tr><th>s</th><th>from</th><th>message</th></tr>\n",
    );
    for message in &found.messages {
        let from = if message.sent { "us" } else { "server" };
        let _ = writeln!(
            page,
            "<tr><td class=\"at\">{:.3}</td><td class=\"who\">{from}</td><td>{}</td></tr>",
            message.at,
            escaped(&message.text),
        );
    }
    page.push_str("</table>\n");
}

/// Text as it may stand in an element or in quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::doctor::check::{Departure, Id, Line, failed, ok};
    use crate::doctor::redact::Redactor;

    const EVIL: &str = "<script>alert(1)</script><img src=x onerror='a' \"b\" & \u{202e}c";

    fn found(redact: bool) -> Examination {
        let mut found = Examination::new(Redactor::new(redact), None);
        found.add(
            Id::Subscribe,
            Instant::now(),
            EVIL,
            "RFC 6665",
            failed(EVIL, EVIL),
        );
        found.add(Id::Body, Instant::now(), "read", "", ok("sip:alice@x"));
        found.skip(Id::Refresh, EVIL);
        let detail = found.presentable(EVIL);
        found.departures.push(Departure {
            code: "version-gap",
            detail: detail.clone(),
            meaning: "a < b",
        });
        found.messages.push(Line {
            at: 0.5,
            sent: false,
            text: detail,
        });
        found
    }

    fn subject() -> Subject {
        Subject {
            since: Instant::now(),
            time: "2026-01-01T00:00:00Z".into(),
            rows: vec![("conference", format!("sip:alice@x{EVIL}"))],
        }
    }

    /// SEC-09: what a server says is text, and only text, wherever it stands on the page.
    #[test]
    fn foreign_text_stays_text_and_nothing_is_fetched() {
        let page = page(&found(false), &subject());
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
        assert!(!page.contains('\u{202e}'), "{page}");
        assert_eq!(page.matches("&lt;script&gt;alert(1)").count(), 9, "{page}");
        for outward in ["http:", "https:", "src=", "href=", "@import", "url("] {
            let page = page
                .replace("src=x onerror", "")
                .replace("href=\"#subscribe\"", "");
            assert!(!page.contains(outward), "{outward}");
        }
        assert!(page.contains("1 of 2 checks failed"), "{page}");
    }

    /// SEC-14, SEC-16: the page says which it is.
    #[test]
    fn names_are_there_or_replaced_and_the_page_says_so() {
        let plain = page(&found(false), &subject());
        assert!(
            plain.contains("sip:alice@x") && plain.contains("--redact"),
            "{plain}"
        );
        let redacted = page(&found(true), &subject());
        assert!(!redacted.contains("alice"), "{redacted}");
        assert!(
            redacted.contains("sip:user1@x") && !redacted.contains("--redact"),
            "{redacted}"
        );
    }
}

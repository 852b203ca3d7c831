//! Blocking and unblocking in a file: other lines stay, nobody else can read it, and refusals leave it alone (SEC-14).

use std::path::PathBuf;

use rollmark_xdm::edit::{Change, EditError, edit_file};

/// A file of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = Self(directory.join(format!("{name}-{}", std::process::id())));
        std::fs::write(&file.0, content).unwrap();
        file
    }

    fn content(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// XDM-30, SEC-14.
#[test]
fn a_file_is_made_changed_and_kept_private() {
    let file = Scratch::new("edited", "");
    std::fs::remove_file(&file.0).unwrap();
    let nothing = edit_file(&file.0, Change::Unblock, "sip:a@x", None).unwrap();
    assert!(!nothing.changed && !file.0.exists());
    let edited = edit_file(&file.0, Change::Block, "SIP:a@X", None).unwrap();
    assert_eq!(
        (edited.entry.as_str(), edited.changed, edited.list),
        ("sip:a@x", true, None)
    );
    std::fs::write(&file.0, "# mine\n\nsip:b@x\nsip:a@x").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&file.0, open).unwrap();
        edit_file(&file.0, Change::Block, "tel:+1-555", None).unwrap();
        let mode = std::fs::metadata(&file.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(file.content(), "# mine\n\nsip:b@x\nsip:a@x\ntel:+1555\n");
    edit_file(&file.0, Change::Unblock, "a@x", None).unwrap();
    assert_eq!(file.content(), "# mine\n\nsip:b@x\ntel:+1555\n");
    let directory = file.0.parent().unwrap();
    let left = std::fs::read_dir(directory).unwrap().filter_map(Result::ok);
    let name = file.0.file_name().unwrap().to_string_lossy().into_owned();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name));
    assert_eq!(left.count(), 1, "no half-written file is left");
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_stays_a_link() {
    let file = Scratch::new("linked", "sip:b@x\n");
    let link = Scratch(file.0.with_extension("link"));
    std::os::unix::fs::symlink(&file.0, &link.0).unwrap();
    edit_file(&link.0, Change::Block, "sip:a@x", None).unwrap();
    assert!(std::fs::symlink_metadata(&link.0).unwrap().is_symlink());
    assert_eq!(file.content(), "sip:b@x\nsip:a@x\n");
}

#[test]
fn a_resource_lists_file_keeps_its_form() {
    let text = |entries: &str| {
        format!(
            "<?xml version='1.0'?>\n<!-- mine -->\n<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>\n\
             <list name='oma_blockedcontacts'>\n  <entry uri='sip:b@x'/>{entries}\n</list>\n</resource-lists>\n"
        )
    };
    let file = Scratch::new("lists", &text(""));
    let edited = edit_file(&file.0, Change::Block, "sip:a@x", None).unwrap();
    assert_eq!(edited.list.as_deref(), Some("oma_blockedcontacts"));
    assert_eq!(file.content(), text("\n  <entry uri=\"sip:a@x\"/>"));
    edit_file(&file.0, Change::Unblock, "sip:a@x", None).unwrap();
    assert_eq!(file.content(), text(""));
}

#[test]
fn what_is_refused_leaves_the_file_as_it_was() {
    let large =
        "sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x\n".repeat(1024 * 16);
    let elsewhere = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='oma_blockedcontacts'>\
                     <external anchor='http://x/y'/></list></resource-lists>";
    type Check = fn(&EditError) -> bool;
    let table: [(&str, &str, Check); 7] = [
        ("", "nobody\nat all", |e| {
            matches!(e, EditError::Nobody { .. })
        }),
        ("", "sip:anonymous@anonymous.invalid", |e| {
            matches!(e, EditError::Unsteady { .. })
        }),
        (
            "<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'/>",
            "sip:a@x",
            |e| matches!(e, EditError::Rules { .. }),
        ),
        ("<html/>", "sip:a@x", |e| {
            matches!(e, EditError::Content { .. })
        }),
        ("<!DOCTYPE a><a/>", "sip:a@x", |e| {
            matches!(e, EditError::Content { .. })
        }),
        (elsewhere, "sip:a@x", |e| {
            matches!(e, EditError::OnlyRefersElsewhere { .. })
        }),
        (&large, "sip:b@x", |e| {
            matches!(e, EditError::TooLarge | EditError::Content { .. })
        }),
    ];
    for (content, uri, check) in table {
        let file = Scratch::new("refused", content);
        let error = edit_file(&file.0, Change::Block, uri, None).unwrap_err();
        assert!(check(&error), "{uri}: {error}");
        assert_eq!(file.content(), content, "{error}");
    }
    let missing = PathBuf::from("/no/such/folder/list");
    let error = edit_file(&missing, Change::Block, "sip:a@x", None).unwrap_err();
    assert!(
        matches!(
            &error,
            EditError::Io {
                doing: "written",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("/no/such/folder/list"),
        "{error}"
    );
}

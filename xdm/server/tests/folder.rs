//! Documents in a folder.

mod http;

use std::fs;
use std::path::{Path, PathBuf};

use http::{ALICE, EL, INDEX, LISTS, TYPE, request};
use rollmark_xdms::{FolderError, MAX_FILE_NAME, PutError, Settings, Xdms, XdmsError};

/// A folder of its own for each test, taken away at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    async fn start(&self) -> Result<Xdms, XdmsError> {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.folder = Some(self.0.join("documents"));
        Xdms::start(settings).await
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![self.0.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path)
                } else {
                    files.push(path)
                }
            }
        }
        files.sort();
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn documents_and_their_tags_outlive_the_server() {
    let scratch = Scratch::new("restart");
    let xdms = scratch.start().await.unwrap();
    let created = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
    assert_eq!(created.status, 201);
    let list = format!("{INDEX}/~~/resource-lists/list");
    let changed = request(&xdms, "PUT", &list, EL, "<list name=\"a\"/>").await;
    assert_eq!(changed.status, 201);
    xdms.put_global("resource-lists", "index", LISTS).unwrap();
    xdms.put("resource-lists", ALICE, "gone", LISTS).unwrap();
    assert!(xdms.delete("resource-lists", ALICE, "gone"));
    drop(xdms);

    let again = scratch.start().await.unwrap();
    let fetched = request(&again, "GET", &list, "", "").await;
    assert_eq!(fetched.body, "<list name=\"a\"/>");
    assert_eq!(fetched.etag(), changed.etag());
    assert!(again.document("resource-lists", ALICE, "gone").is_none());
    let global = request(
        &again,
        "GET",
        "/xcap-root/resource-lists/global/index",
        "",
        "",
    )
    .await;
    assert_eq!((global.status, global.body.as_str()), (200, LISTS));
    let replaced = request(&again, "PUT", INDEX, TYPE, LISTS).await;
    assert_ne!(replaced.etag(), created.etag(), "no tag is used twice");
    assert_eq!(
        scratch.files().len(),
        2,
        "nothing half written is left: {:?}",
        scratch.files()
    );
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_user_of_the_server_can_read_them() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("rights");
    let xdms = scratch.start().await.unwrap();
    xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in scratch.files() {
        assert_eq!(rights(&file), 0o600, "{}", file.display());
        for directory in file
            .ancestors()
            .skip(1)
            .take_while(|path| path.starts_with(scratch.0.join("documents")))
        {
            assert_eq!(rights(directory), 0o700, "{}", directory.display());
        }
    }
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let scratch = Scratch::new("escape");
    let xdms = scratch.start().await.unwrap();
    for path in [
        "/xcap-root/resource-lists/users/%2e%2e/index",
        "/xcap-root/resource-lists/users/..%2F..%2F..%2Fescaped/index",
        "/xcap-root/resource-lists/users/a/..%2f..%2f..%2f..%2fescaped",
        "/xcap-root/resource-lists/users/a/%2e%2e",
        "/xcap-root/resource-lists/global/%2e%2e%2fescaped",
    ] {
        let stored = request(&xdms, "PUT", path, TYPE, LISTS).await;
        assert_eq!(stored.status, 201, "{path}: an odd name is a name");
        assert_eq!(request(&xdms, "GET", path, "", "").await.body, LISTS);
    }
    let inside = scratch.0.join("documents").join("resource-lists");
    for file in scratch.files() {
        assert!(file.starts_with(&inside), "{}", file.display());
    }
    let long = "n".repeat(MAX_FILE_NAME + 1);
    let refused = xdms.put("resource-lists", ALICE, &long, LISTS);
    assert!(
        matches!(refused, Err(PutError::Folder { .. })),
        "{refused:?}"
    );
    let path = format!("/xcap-root/resource-lists/users/a/{long}");
    assert_eq!(request(&xdms, "PUT", &path, TYPE, LISTS).await.status, 500);
}

#[tokio::test]
async fn a_file_that_is_no_document_is_named_at_the_start() {
    let scratch = Scratch::new("broken");
    let home = scratch.0.join("documents/resource-lists/users/alice");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join(".half.writing"), "<resou").unwrap();
    fs::write(home.join("index"), LISTS).unwrap();
    let started = scratch.start().await.unwrap();
    assert!(
        started
            .document("resource-lists", "alice", "index")
            .is_some()
    );
    drop(started);
    fs::write(home.join("index"), "<resource-lists>").unwrap();
    let refused = scratch.start().await.unwrap_err();
    assert!(
        matches!(refused, XdmsError::Folder(FolderError::Document { .. })),
        "{refused}"
    );
    let message = refused.to_string();
    assert!(
        message.contains("alice/index") && message.contains("not a well-formed"),
        "{message}"
    );
    let file = scratch.0.join("documents");
    fs::remove_dir_all(&file).unwrap();
    fs::write(&file, "").unwrap();
    let refused = scratch.start().await.unwrap_err();
    assert!(
        matches!(refused, XdmsError::Folder(FolderError::System { .. })),
        "{refused}"
    );
}

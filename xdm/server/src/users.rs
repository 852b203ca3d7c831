//! Who may use the server: digest users and the XUIs they own.

use std::fmt;

use thiserror::Error;

/// A user that the server authenticates by digest (RFC 4825 §8, RFC 7616).
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) xuis: Vec<String>,
    pub(crate) privileged: bool,
}

impl User {
    /// A user without documents.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            password: password.into(),
            xuis: Vec::new(),
            privileged: false,
        }
    }

    /// Owns the documents of this XUI too.
    #[must_use]
    pub fn xui(mut self, xui: impl Into<String>) -> Self {
        self.xuis.push(xui.into());
        self
    }

    /// May read and write everybody's documents and the global tree (RFC 4825 §5.7: explicitly provisioned).
    #[must_use]
    pub fn privileged(mut self) -> Self {
        self.privileged = true;
        self
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("xuis", &self.xuis)
            .field("privileged", &self.privileged)
            .finish_non_exhaustive()
    }
}

/// A line of a users file is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "line {line} of the users file: {what}; write NAME PASSWORD XUI..., or NAME PASSWORD * for a privileged user"
)]
pub struct UsersFault {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Reads a users file: on each line a name, a password and the user's XUIs (`*` makes him privileged), with blanks between them. Empty
/// lines and those with `#` first are passed over.
///
/// # Errors
/// [`UsersFault`] names the line.
pub fn read_users(text: &str) -> Result<Vec<User>, UsersFault> {
    let mut users: Vec<User> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |what| UsersFault { line: n + 1, what };
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let password = words.next().ok_or(fault("no password"))?;
        if name.contains([':', '"']) {
            return Err(fault("a name cannot have a colon or a quote in it"));
        }
        if users.iter().any(|known| known.name == name) {
            return Err(fault("this name was there before"));
        }
        let user = words.fold(User::new(name, password), |user, word| match word {
            "*" => user.privileged(),
            xui => user.xui(xui),
        });
        if user.xuis.is_empty() && !user.privileged {
            return Err(fault("no XUI"));
        }
        users.push(user);
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_file_is_read_line_by_line() {
        let text = "# users\n\nalice  secret sip:alice@h tel:+1\nroot pw *\n";
        let users = read_users(text).unwrap();
        let alice = User::new("alice", "secret")
            .xui("sip:alice@h")
            .xui("tel:+1");
        assert_eq!(users, [alice, User::new("root", "pw").privileged()]);
        for (text, line) in [
            ("alice", 1),
            ("\nalice x", 2),
            ("a x y\na x y", 2),
            ("a:b x y", 1),
        ] {
            assert_eq!(read_users(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", User::new("alice", "secret").xui("sip:a"));
        assert!(
            shown.contains("alice") && !shown.contains("secret"),
            "{shown}"
        );
    }
}

//! One key of a configuration file against the option of that name: is there one, and does it take the value?

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, ValueHint};

use super::file::{Line, Place, Value};

/// The positional argument that may stand in the file.
const CONFERENCE: &str = "conference";
/// Options that are of a command line alone.
const NOT_IN_A_FILE: [&str; 3] = [super::OPTION, "help", "version"];
/// Value names of options that take a number.
const NUMBERS: [&str; 5] = ["N", "S", "MS", "RATE", "SECONDS"];
/// What a secret is called.
const SECRETS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "opc",
    "sim-key",
    "aka-key",
    "pin",
];

/// An option that a file can set.
#[derive(Clone, Debug)]
pub(super) struct Setting<'c>(pub(super) &'c Arg);

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    Choice,
    Path,
    /// `NAME=FILE`.
    NamedPath,
    Text,
}

/// What is wrong with a line, and where.
pub(super) type Wrong = (Place, String);

impl<'c> Setting<'c> {
    /// The options of a command, and its conference.
    pub(super) fn all(command: &'c Command) -> impl Iterator<Item = Self> {
        let settable = |arg: &&Arg| match arg.get_long() {
            Some(long) => !NOT_IN_A_FILE.contains(&long),
            None => arg.is_positional() && arg.get_id() == CONFERENCE,
        };
        command.get_arguments().filter(settable).map(Self)
    }

    /// The one of this name.
    pub(super) fn find(command: &'c Command, key: &str) -> Option<Self> {
        Self::all(command).find(|setting| setting.key() == key)
    }

    pub(super) fn key(&self) -> &'c str {
        self.0.get_long().unwrap_or(CONFERENCE)
    }

    pub(super) fn kind(&self) -> Kind {
        let name = self.value_name();
        match self.0.get_value_hint() {
            _ if !self.0.get_action().takes_values() => Kind::Flag,
            _ if !self.0.get_possible_values().is_empty() => Kind::Choice,
            _ if NUMBERS.contains(&name) => Kind::Number,
            _ if name == "NAME=FILE" => Kind::NamedPath,
            ValueHint::FilePath | ValueHint::DirPath => Kind::Path,
            _ => Kind::Text,
        }
    }

    pub(super) fn value_name(&self) -> &'c str {
        let names = self.0.get_value_names().unwrap_or_default();
        names.first().map_or("", |name| name.as_str())
    }

    /// Whether it may be given several times.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.0.get_action(), ArgAction::Append)
    }

    /// What stands on the command line for this line of a file in a folder.
    pub(super) fn words(&self, line: &Line, folder: &Path) -> Result<Vec<OsString>, Refused> {
        if line.is_array && line.values.len() != 1 && !self.is_repeatable() {
            return Err(self.refused(line.place_of_value(), "takes one value"));
        }
        let mut words = Vec::new();
        for (value, place) in &line.values {
            let text = match (self.kind(), value) {
                (Kind::Flag, Value::Flag(true)) => {
                    words.push(format!("--{}", self.key()).into());
                    continue;
                }
                (Kind::Flag, Value::Flag(false)) => continue,
                (Kind::Number, Value::Number(number)) => OsString::from(number),
                (Kind::Choice | Kind::Text, Value::Text(text)) => OsString::from(text),
                (Kind::Path, Value::Text(text)) if !text.is_empty() => folder.join(text).into(),
                (Kind::NamedPath, Value::Text(text)) => match text.rsplit_once('=') {
                    Some((name, path)) => {
                        let mut word = OsString::from(format!("{name}="));
                        word.push(folder.join(path));
                        word
                    }
                    None => text.into(),
                },
                (kind, _) => return Err(self.refused(*place, kind.wanted())),
            };
            self.check(&text, *place)?;
            let mut word = match self.0.is_positional() {
                true => OsString::new(),
                false => OsString::from(format!("--{}=", self.key())),
            };
            word.push(text);
            words.push(word);
        }
        Ok(words)
    }

    /// Whether the option takes this value.
    fn check(&self, text: &OsString, place: Place) -> Result<(), Refused> {
        if text.is_empty() {
            return Err(self.refused(place, "wants a text that is not empty"));
        }
        if self.0.is_positional() && text.to_string_lossy().starts_with('-') {
            return Err(self.refused(place, "wants a sip: or sips: URI"));
        }
        let value = Arg::new("value")
            .long("value")
            .value_parser(self.0.get_value_parser().clone());
        let probe = Command::new("probe")
            .no_binary_name(true)
            .disable_help_flag(true)
            .arg(value);
        let mut word = OsString::from("--value=");
        word.push(text);
        let Err(fault) = probe.try_get_matches_from([word]) else {
            return Ok(());
        };
        let shown = text.to_string_lossy();
        Err(match fault.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) => {
                let near = match nearest(&shown, valid.iter().map(String::as_str)) {
                    Some(near) => format!("; did you mean {near:?}?"),
                    None => String::new(),
                };
                let valid = valid.join(", ");
                Refused {
                    is_choice: true,
                    wrong: (
                        place,
                        format!("{} is one of {valid}, not {shown:?}{near}", self.key()),
                    ),
                }
            }
            _ => {
                use std::error::Error as _;
                let why = fault
                    .source()
                    .map_or_else(|| "it is not taken".into(), ToString::to_string);
                self.refused(place, &format!("cannot be {shown:?}: {why}"))
            }
        })
    }

    fn refused(&self, place: Place, what: &str) -> Refused {
        Refused {
            is_choice: false,
            wrong: (place, format!("{} {what}", self.key())),
        }
    }
}

/// A value that an option does not take.
pub(super) struct Refused {
    /// It is none of those that there are.
    pub(super) is_choice: bool,
    pub(super) wrong: Wrong,
}

impl Kind {
    const fn wanted(self) -> &'static str {
        match self {
            Self::Flag => "wants true or false, without quotes",
            Self::Number => "wants a number, without quotes",
            Self::Choice | Self::Text => "wants a text in quotes",
            Self::Path => "wants the name of a file in quotes",
            Self::NamedPath => "wants \"NAME=FILE\" in quotes",
        }
    }
}

impl Line {
    fn place_of_value(&self) -> Place {
        self.values.first().map_or(self.place, |(_, place)| *place)
    }
}

/// What is wrong with a key that no command knows.
pub(super) fn unknown(line: &Line, keys: &[&str]) -> Wrong {
    let key = &line.key;
    let spelt = key.to_ascii_lowercase().replace('_', "-");
    let is_table = matches!(line.values.as_slice(), [(Value::Other("table"), _)]);
    let what = if NOT_IN_A_FILE.contains(&key.as_str()) {
        format!("{key} is of the command line alone; take it out")
    } else if is_secret(&spelt) && !keys.contains(&spelt.as_str()) {
        let with_file = match spelt.contains("xcap") {
            true => "xcap-password-file",
            false if ["opc", "sim-key", "aka-key"].contains(&spelt.as_str()) => "aka-file",
            false => "password-file",
        };
        format!(
            "{key} looks like a secret, which does not stand in a configuration file; put it into a file that only you can read, and give its name as {with_file}"
        )
    } else if is_table {
        format!("there are no sections such as {key}; put the options at the top, by their names")
    } else {
        match nearest(&spelt, keys.iter().copied()) {
            Some(near) => format!("there is no option {key}; did you mean {near}?"),
            None => format!("there is no option {key}; rollmark config prints all that there are"),
        }
    };
    (line.place, what)
}

/// Whether a word of the key names a secret.
fn is_secret(key: &str) -> bool {
    key == "k"
        || SECRETS.iter().any(|secret| {
            key == *secret
                || key
                    .split('-')
                    .any(|word| word.trim_end_matches('s') == *secret)
        })
}

/// The word that somebody may have meant.
fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_ascii_lowercase();
    words
        .map(|known| (strsim::jaro_winkler(&word, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

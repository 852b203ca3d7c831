//! The words of the command line with those of the file in front of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::entry::{Kind, Setting, unknown};
use super::file::{self, Fault, Line, Place};
use super::{OPTION, command, configured};

/// A line of the file, and the words that it stands for.
struct Given {
    key: String,
    is_flag: bool,
    place: Place,
    words: Vec<OsString>,
}

/// What to parse: the words as they are where no file is named, or where they are too wrong to tell.
pub(super) fn words(words: &[OsString]) -> Result<Vec<OsString>, Fault> {
    let as_it_is = || Ok(words.to_vec());
    let lenient = command().ignore_errors(true);
    let Ok(matches) = lenient.try_get_matches_from(words) else {
        // Help, or the version.
        return as_it_is();
    };
    let mut built = command();
    built.build();
    let (names, command, matches) = leaf(&built, &matches);
    let Ok(Some(path)) = matches.try_get_one::<PathBuf>(OPTION) else {
        return as_it_is();
    };
    let lines = file::read(path)?;
    let given = check(&built, command, &lines, path)?;
    let own = |given: &Given| !is_on_command_line(command, matches, &given.key);
    let given: Vec<Given> = given.into_iter().filter(own).collect();
    let (front, back) = words.split_at(words.len().min(1 + names.len()));
    let merge = |given: &[Given]| {
        let of_file = given.iter().flat_map(|given| &given.words);
        front
            .iter()
            .chain(of_file)
            .chain(back)
            .cloned()
            .collect::<Vec<_>>()
    };
    settle(given, &merge, path, &names.join(" "))
}

/// The command that is meant, by its names, and what was matched of it.
fn leaf<'c, 'm>(
    command: &'c Command,
    matches: &'m ArgMatches,
) -> (Vec<&'m str>, &'c Command, &'m ArgMatches) {
    let mut found = (Vec::new(), command, matches);
    while let Some((name, below)) = found.2.subcommand()
        && let Some(command) = found.1.find_subcommand(name)
    {
        found.0.push(name);
        (found.1, found.2) = (command, below);
    }
    found
}

fn is_on_command_line(command: &Command, matches: &ArgMatches, key: &str) -> bool {
    Setting::find(command, key).is_some_and(|setting| {
        matches.value_source(setting.0.get_id().as_str()) == Some(ValueSource::CommandLine)
    })
}

/// Looks at every line; those of other commands are passed over, but have to be right.
fn check(
    root: &Command,
    command: &Command,
    lines: &[Line],
    path: &Path,
) -> Result<Vec<Given>, Fault> {
    let wrong = |(place, what)| Fault::Wrong {
        path: path.to_owned(),
        place,
        what,
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let commands = configured(root);
    let mut keys: Vec<&str> = commands
        .iter()
        .flat_map(|command| Setting::all(command))
        .map(|setting| setting.key())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut given = Vec::new();
    for line in lines {
        let of_others = || {
            let others = commands
                .iter()
                .filter(|other| other.get_name() != command.get_name());
            others.filter_map(|other| Setting::find(other, &line.key))
        };
        if let Some(setting) = Setting::find(command, &line.key) {
            match setting.words(line, folder) {
                Ok(words) => given.push(Given {
                    key: line.key.clone(),
                    is_flag: setting.kind() == Kind::Flag,
                    place: line.place,
                    words,
                }),
                // A choice that only another command has: it is meant for that.
                Err(refused)
                    if refused.is_choice
                        && of_others().any(|other| other.words(line, folder).is_ok()) => {}
                Err(refused) => return Err(wrong(refused.wrong)),
            }
            continue;
        }
        let mut first = None;
        for other in of_others() {
            match other.words(line, folder) {
                Ok(_) => {
                    first = Some(Ok(()));
                    break;
                }
                Err(refused) => first = first.or(Some(Err(refused))),
            }
        }
        match first {
            Some(Ok(())) => {}
            Some(Err(refused)) => return Err(wrong(refused.wrong)),
            None => return Err(wrong(unknown(line, &keys))),
        }
    }
    Ok(given)
}

/// Takes out of the file's words what the command line's exclude, and tells what does not fit together in the file. What is wrong
/// with the command line itself is left to its parser.
fn settle(
    mut given: Vec<Given>,
    merge: &dyn Fn(&[Given]) -> Vec<OsString>,
    path: &Path,
    command_name: &str,
) -> Result<Vec<OsString>, Fault> {
    loop {
        let merged = merge(&given);
        let Err(fault) = command().try_get_matches_from(&merged) else {
            return Ok(merged);
        };
        let wrong = |place: Place, what: String| Fault::Wrong {
            path: path.to_owned(),
            place,
            what,
        };
        let at = |key: &str| given.iter().position(|given| given.key == key);
        match fault.kind() {
            ErrorKind::ArgumentConflict => {
                let mut of_file: Vec<usize> = named(&fault, ContextKind::InvalidArg)
                    .iter()
                    .chain(&named(&fault, ContextKind::PriorArg))
                    .filter_map(|key| at(key))
                    .collect();
                of_file.sort_unstable();
                of_file.dedup();
                match of_file.as_slice() {
                    [] => return Ok(merged),
                    // Another place is named on the command line, which wins. A wish is not dropped unseen.
                    &[only] if !given[only].is_flag => drop(given.remove(only)),
                    &[only] => {
                        let key = &given[only].key;
                        let others = named(&fault, ContextKind::InvalidArg);
                        let others = others
                            .into_iter()
                            .chain(named(&fault, ContextKind::PriorArg));
                        let others: Vec<String> = others.filter(|other| other != key).collect();
                        let other = others.join(", --");
                        return Err(wrong(
                            given[only].place,
                            format!(
                                "{key} does not go with --{other} of the command line; take one out"
                            ),
                        ));
                    }
                    &[first, .., last] => {
                        let [first, last] = [first, last].map(|at| &given[at]);
                        let line = first.place.line;
                        return Err(wrong(
                            last.place,
                            format!(
                                "rollmark {command_name} takes {} or {} (line {line}), not both; take one out, or give one on the command line",
                                last.key, first.key
                            ),
                        ));
                    }
                }
            }
            ErrorKind::MissingRequiredArgument => {
                let missing = named(&fault, ContextKind::InvalidArg);
                // The first line with which it is missing is the one that asks for it.
                let missing_of =
                    |given: &[Given]| match command().try_get_matches_from(merge(given)) {
                        Err(fault) => named(&fault, ContextKind::InvalidArg),
                        Ok(_) => Vec::new(),
                    };
                for (until, asking) in given.iter().enumerate() {
                    let [without, with] = [&given[..until], &given[..=until]].map(missing_of);
                    let new = |needed: &&String| with.contains(needed) && !without.contains(needed);
                    if let Some(needed) = missing.iter().find(new) {
                        let key = &asking.key;
                        return Err(wrong(
                            asking.place,
                            format!("{key} needs {needed}, too; add it, or take {key} out"),
                        ));
                    }
                }
                return Ok(merged);
            }
            _ => return Ok(merged),
        }
    }
}

/// The keys of the options that an error of the parser names.
fn named(fault: &clap::Error, kind: ContextKind) -> Vec<String> {
    let key = |shown: &str| {
        // A group is shown as <--this <FILE>|--that <FILE>>.
        let options = shown.trim_start_matches('<').split('|');
        let key = |option: &str| {
            let word = option.split([' ', '=']).next().unwrap_or_default();
            let word = word.trim_matches(['<', '>', '[', ']', '.']);
            word.trim_start_matches("--").to_ascii_lowercase()
        };
        options.map(key).collect::<Vec<_>>().join(" or ")
    };
    match fault.get(kind) {
        Some(ContextValue::String(one)) => vec![key(one)],
        Some(ContextValue::Strings(many)) => many.iter().map(|one| key(one)).collect(),
        _ => Vec::new(),
    }
}

//! The tests of a source file and the clauses that each of them names: in its doc comment, its name, its body, or in a
//! table or function of the same file that it uses.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::ids;

/// What a file shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Test function → ids with the line that names them, counted from one.
    pub(super) tests: BTreeMap<String, BTreeMap<String, usize>>,
    /// Ids in test code that belong to no test, with their line.
    pub(super) loose: Vec<(String, usize)>,
}

#[derive(Debug)]
struct Item {
    name: String,
    test: bool,
    /// In a module of tests.
    among_tests: bool,
    /// Lines from the first attribute or doc comment to the end, counted from one.
    first: usize,
    last: usize,
}

/// What a file shows. `all_tests`: every line of it is test code, not only its modules of tests.
pub(super) fn read(text: &str, all_tests: bool) -> Result<Shown, String> {
    let tokens: TokenStream = text
        .parse()
        .map_err(|error| format!("is no Rust: {error}"))?;
    let mut items = Vec::new();
    let mut regions = Vec::new();
    if all_tests {
        regions.push((1, usize::MAX));
    }
    walk(tokens, all_tests, &mut items, &mut regions);

    let lines: Vec<&str> = text.lines().collect();
    let of = |item: &Item| {
        let last = item.last.min(lines.len());
        lines[item.first - 1..last].join("\n")
    };
    let mut shown = Shown::default();
    let mut used = BTreeSet::new();
    for test in items.iter().filter(|item| item.test) {
        let ids = shown.tests.entry(test.name.clone()).or_default();
        for id in ids::in_name(&test.name) {
            ids.entry(id).or_insert(test.first);
        }
        // The test itself, and whatever it reaches in this file.
        let mut reached = BTreeSet::from([test.first]);
        let mut next = vec![test];
        while let Some(item) = next.pop() {
            let text = of(item);
            for (line, id) in ids::in_text(&text) {
                ids.entry(id).or_insert(item.first + line);
            }
            let words: BTreeSet<&str> = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .collect();
            for other in items.iter().filter(|other| !other.test) {
                if other.among_tests
                    && words.contains(other.name.as_str())
                    && reached.insert(other.first)
                {
                    next.push(other);
                }
            }
        }
        used.extend(reached);
    }
    if shown.tests.is_empty() {
        return Ok(shown);
    }
    for (line, id) in ids::in_text(text) {
        let line = line + 1;
        let among_tests = regions
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&line));
        let about_the_file = lines[line - 1].trim_start().starts_with("//!");
        let attached = items
            .iter()
            .any(|item| (item.first..=item.last).contains(&line) && used.contains(&item.first));
        if among_tests && !about_the_file && !attached {
            shown.loose.push((id, line));
        }
    }
    Ok(shown)
}

/// Collects the items of a module, of the modules in it, and of macros that hold items (`proptest!`).
fn walk(
    tokens: TokenStream,
    among_tests: bool,
    items: &mut Vec<Item>,
    regions: &mut Vec<(usize, usize)>,
) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    let mut first = None;
    let (mut test, mut only_in_tests) = (false, false);
    while let Some(token) = tokens.get(at) {
        let line = token.span().start().line;
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let inner =
                    matches!(tokens.get(at + 1), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                at += 1 + usize::from(inner);
                if let Some(TokenTree::Group(group)) = tokens.get(at)
                    && !inner
                {
                    first.get_or_insert(line);
                    let attribute = group.stream().to_string().replace(' ', "");
                    let path = attribute.split('(').next().unwrap_or_default();
                    test |= path == "test" || path.ends_with("::test");
                    only_in_tests |= path == "cfg" && attribute.contains("test");
                }
                at += 1;
                continue;
            }
            TokenTree::Ident(word) => {
                let first_line = *first.get_or_insert(line);
                let word = word.to_string();
                let is_const_fn = word == "const"
                    && matches!(tokens.get(at + 1), Some(TokenTree::Ident(next)) if next == "fn" || next == "unsafe");
                match word.as_str() {
                    "fn" | "const" | "static" | "struct" | "enum" | "type" if !is_const_fn => {
                        let name = match tokens.get(at + 1) {
                            Some(TokenTree::Ident(name)) => name.to_string(),
                            _ => String::new(),
                        };
                        let end =
                            end_of_item(&tokens, at, matches!(word.as_str(), "const" | "static"));
                        let last = tokens
                            .get(end)
                            .map_or(line, |token| token.span().end().line);
                        items.push(Item {
                            name,
                            test: test && word == "fn",
                            among_tests,
                            first: first_line,
                            last,
                        });
                        at = end;
                    }
                    "mod" | "impl" => {
                        let end = end_of_item(&tokens, at, false);
                        if let Some(TokenTree::Group(group)) = tokens.get(end) {
                            if only_in_tests {
                                regions.push((first_line, group.span_close().end().line));
                            }
                            walk(group.stream(), among_tests || only_in_tests, items, regions);
                        }
                        at = end;
                    }
                    "use" | "extern" => at = end_of_item(&tokens, at, true),
                    _ => {
                        let is_macro = matches!(tokens.get(at + 1), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                        if is_macro && let Some(TokenTree::Group(group)) = tokens.get(at + 2) {
                            walk(group.stream(), among_tests, items, regions);
                            at += 2;
                        } else {
                            // pub, async, unsafe … or no item at all.
                            at += 1;
                            continue;
                        }
                    }
                }
            }
            // The (crate) of pub(crate).
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                at += 1;
                continue;
            }
            _ => {}
        }
        at += 1;
        first = None;
        (test, only_in_tests) = (false, false);
    }
}

/// Index of the token that ends an item: its block, or its semicolon.
fn end_of_item(tokens: &[TokenTree], from: usize, semicolon_only: bool) -> usize {
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !semicolon_only => {
                return at;
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => return at,
            _ => at += 1,
        }
    }
    at
}

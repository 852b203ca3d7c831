use super::*;

const HEAD: &str = "id\tscope\tmode\tlevel\twords\tnote\n";

fn of(path: &str, source: &str, lines: &[&str]) -> Report {
    let catalogue = HEAD.to_string() + &lines.join("\n");
    report(&catalogue, &[(path.into(), source.into())])
}

fn now(id: &str) -> String {
    format!("{id}\tnow\tboth\tMUST\twords\t")
}

fn named(text: &str) -> Vec<String> {
    ids::in_text(text).into_iter().map(|(_, id)| id).collect()
}

#[test]
fn ids_ranges_and_lists_are_read() {
    for (text, expected) in [
        ("SUB-42", "SUB-42"),
        ("SUB-08…10", "SUB-08 SUB-09 SUB-10"),
        ("OMA-15…17, SW-08", "OMA-15 OMA-16 OMA-17 SW-08"),
        ("CONF-19–CONF-21.", "CONF-19 CONF-20 CONF-21"),
        ("SUB-21/22", "SUB-21 SUB-22"),
        ("SUB-34...36 and SEC-18", "SUB-34 SUB-35 SUB-36 SEC-18"),
        ("SUB-… UTF-16 GSUB-12 SUB- SHA-256", ""),
    ] {
        assert_eq!(named(text).join(" "), expected, "{text}");
    }
    assert_eq!(ids::in_name("sub_42_timer_n"), ["SUB-42"]);
    assert_eq!(ids::in_name("two_sw_14_oma_07"), ["SW-14", "OMA-07"]);
    assert!(ids::in_name("sub_4_and_sub_x").is_empty());
}

#[test]
fn a_clause_in_scope_without_a_test_is_a_fault() {
    let source = "/// SUB-01\n#[test]\nfn one() {}\n";
    let lines = [now("SUB-01"), now("SUB-02")];
    let report = of("a/tests/x.rs", source, &[&lines[0], &lines[1]]);
    assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
    assert!(
        report.faults[0].starts_with("SUB-02 "),
        "{:?}",
        report.faults
    );
    assert!(report.table().contains("a/tests/x.rs:one"));
    assert!(report.summary().starts_with("1 of 2 "));
    let later = now("SUB-02").replace("now", "later");
    assert!(
        of("a/tests/x.rs", source, &[&lines[0], &later])
            .faults
            .is_empty()
    );
}

#[test]
fn a_test_that_names_what_is_no_clause_is_a_fault() {
    let source = "#[test]\nfn one() {\n    // SUB-01, SUB-99\n}\n";
    let report = of("a/src/x.rs", source, &[&now("SUB-01")]);
    assert_eq!(report.faults.len(), 1);
    assert!(report.faults[0].starts_with("a/src/x.rs:3: the test one names SUB-99"));
}

#[test]
fn only_what_belongs_to_a_test_counts() {
    // Docs of what is tested show nothing; a comment between tests belongs to none of them.
    let docs = "//! SUB-01\n/// SUB-01\npub fn f() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n}\n";
    let report = of("a/src/x.rs", docs, &[&now("SUB-01")]);
    assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
    assert!(report.faults[0].starts_with("SUB-01 "));

    let loose = "#[test]\nfn t() {}\n\n// SUB-01\n";
    let report = of("a/tests/x.rs", loose, &[&now("SUB-01")]);
    assert!(
        report
            .faults
            .iter()
            .any(|fault| fault.starts_with("a/tests/x.rs:4: SUB-01 is named")),
        "{:?}",
        report.faults
    );
    let beside = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n    /// SUB-01\n    fn unused() {}\n}\n";
    let report = of("a/src/x.rs", beside, &[&now("SUB-01")]);
    assert_eq!(report.faults.len(), 2, "{:?}", report.faults);
}

#[test]
fn tables_helpers_macros_and_attributes_are_followed() {
    let table = "const ROWS: [&str; 1] = [\"SUB-01\"];\nfn rows() { ROWS; }\n#[tokio::test]\nasync fn t() { rows(); }\n";
    assert!(
        of("a/tests/x.rs", table, &[&now("SUB-01")])
            .faults
            .is_empty()
    );
    let strategy = "proptest! {\n    #![proptest_config(c)]\n    /// SUB-01\n    #[test]\n    fn t(a in 0..1) {}\n}\n";
    assert!(
        of("a/src/x_tests.rs", strategy, &[&now("SUB-01")])
            .faults
            .is_empty()
    );
    let name = "#[test]\n#[cfg(unix)]\npub(crate) fn sub_01_is_shown() {}\n";
    assert!(
        of("tests/tests/x.rs", name, &[&now("SUB-01")])
            .faults
            .is_empty()
    );
}

#[test]
fn a_catalogue_with_a_fault_is_refused_by_line() {
    for (line, expected) in [
        (
            "SUB-1x\tnow\tboth\tMUST\tw\t",
            "line 2: \"SUB-1x\" is no id",
        ),
        (
            "SUB-01\tsoon\tboth\tMUST\tw\t",
            "line 2: \"soon\" is no scope",
        ),
        (
            "SUB-01\tnot\tboth\tMUST\tw\t",
            "line 2: SUB-01 is left out without a reason",
        ),
        ("SUB-01\tnow\tall\tMUST\tw\t", "line 2: \"all\" is no mode"),
        (
            "SUB-01\tnow\tboth\tPERHAPS\tw\t",
            "line 2: \"PERHAPS\" is no level",
        ),
        ("SUB-01\tnow\tboth\tMUST\tw", "line 2: 5 columns"),
    ] {
        let report = of("a/src/x.rs", "", &[line]);
        assert!(
            report.faults.len() == 1 && report.faults[0].contains(expected),
            "{line}: {:?}",
            report.faults
        );
    }
    let twice = of("a/src/x.rs", "", &[&now("SUB-01"), &now("SUB-01")]);
    assert!(twice.faults[0].contains("line 3: SUB-01 was there before"));
}

#[test]
fn the_catalogue_of_this_project_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join("tests/clauses.tsv")).unwrap();
    let clauses = catalogue::read(&text).unwrap();
    for (area, count) in ids::AREAS.into_iter().zip([39, 74, 64, 51, 81, 26, 19, 18]) {
        for number in 1..=count {
            assert!(
                clauses.contains_key(&ids::id(area, number)),
                "{area}-{number}"
            );
        }
    }
    assert_eq!(clauses.len(), 372);
}

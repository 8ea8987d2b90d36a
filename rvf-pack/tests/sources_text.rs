//! Properties of the readers of `.jsonl` and `.csv`.

mod sources_util;

use proptest::prelude::*;
use rvf_pack::source::{self, IdType, SourceFormat, SourceOptions, SourceType};
use sources_util::{
    input, numbers, read, read_all, refused, refused_with, texts, try_read, try_read_with,
};

fn with(change: impl FnOnce(&mut SourceOptions)) -> SourceOptions {
    let mut options = SourceOptions::default();
    change(&mut options);
    options
}

#[test]
fn json_objects_and_arrays_are_read() {
    let all = read(
        "a.jsonl",
        "\u{feff}{\"id\":\"a\",\"vector\":[1, -2.5e-1],\"more\":{\"x\":[[1]]}}\r\n\n  \n{\"vector\":[3,4],\"id\":\"b\"}",
    );
    assert_eq!(all.vectors, [1.0, -0.25, 3.0, 4.0]);
    assert_eq!(all.ids, texts(&["a", "b"]));
    assert_eq!(all.lines, [1, 4]);
    let all = read("rows", "[1,2]\n[3,4]\n");
    assert_eq!(all.vectors, [1.0, 2.0, 3.0, 4.0]);
    assert!(all.ids.is_empty());
    // Arrays first, then an object: the field is found when it comes.
    assert_eq!(read("a.ndjson", "[1]\n{\"x\":[2]}\n").vectors, [1.0, 2.0]);
}

#[test]
fn the_vector_field_of_json_is_found() {
    let field = |line: &str| try_read("a.jsonl", line).map(|all| all.vectors);
    assert_eq!(field("{\"x\":[9],\"embedding\":[1]}").unwrap(), [1.0]);
    assert_eq!(field("{\"values\":[9],\"vector\":[1]}").unwrap(), [1.0]);
    assert_eq!(
        field("{\"t\":[\"a\"],\"n\":3,\"z\":[],\"x\":[1]}").unwrap(),
        [1.0]
    );
    assert_eq!(field("{\"vector\":\"a text\",\"x\":[1]}").unwrap(), [1.0]);
    refused(
        "a.jsonl",
        "{\"x\":[1],\"y\":[1]}",
        &["line 1", "\"x\", \"y\"", "name it"],
    );
    refused(
        "a.jsonl",
        "{\"x\":1,\"y\":[\"1\"]}",
        &["line 1", "none among: \"x\", \"y\""],
    );
    refused("a.jsonl", "{}", &["line 1", "none among: none"]);
    let named = with(|options| options.vector_field = Some("y".into()));
    let all = try_read_with("a.jsonl", "{\"vector\":[1],\"y\":[2]}", &named).unwrap();
    assert_eq!(all.vectors, [2.0]);
    refused_with(
        "a.jsonl",
        "{\"x\":[1]}",
        &named,
        &["line 1", "\"y\"", "\"x\""],
    );
    refused(
        "a.jsonl",
        "{\"x\":[1]}\n{\"vector\":[1]}",
        &["line 2", "\"x\"", "\"vector\""],
    );
}

#[test]
fn the_ids_of_json_are_numbers_or_texts() {
    let all = read(
        "a.jsonl",
        "{\"id\":0,\"v\":[1]}\n{\"id\":18446744073709551615,\"v\":[1]}",
    );
    assert_eq!(all.ids, numbers(&[0, u64::MAX]));
    let all = read("a.jsonl", "{\"id\":\"\\u00e9\\n\",\"v\":[1]}");
    assert_eq!(all.ids, texts(&["\u{e9}\n"]));
    let line = "{\"id\":7,\"key\":\"a\",\"v\":[1]}\n";
    let key = with(|options| options.id_field = Some("key".into()));
    assert_eq!(
        try_read_with("a.jsonl", line, &key).unwrap().ids,
        texts(&["a"])
    );
    let text = with(|options| options.id_type = Some(IdType::Text));
    assert_eq!(
        try_read_with("a.jsonl", line, &text).unwrap().ids,
        texts(&["7"])
    );
    let number = with(|options| options.id_type = Some(IdType::U64));
    let quoted = "{\"id\":\"7\",\"v\":[1]}";
    assert_eq!(
        try_read_with("a.jsonl", quoted, &number).unwrap().ids,
        numbers(&[7])
    );
    let none = with(|options| options.ignore_ids = true);
    let odd = "{\"id\":{},\"v\":[1]}\n{\"v\":[1]}";
    assert!(try_read_with("a.jsonl", odd, &none).unwrap().ids.is_empty());
}

#[test]
fn ids_of_json_that_are_none_are_refused_with_the_line() {
    let second = |id: &str, parts: &[&str]| {
        let lines = format!("{{\"id\":\"a\",\"v\":[1]}}\n\n{{\"id\":{id},\"v\":[1]}}\n");
        refused("a.jsonl", lines, &[&["line 3", "row 1"], parts].concat());
    };
    second("1.5", &["found 1.5"]);
    second("-1", &["found -1"]);
    second("18446744073709551616", &["found 1.8"]);
    second("null", &["found null"]);
    second("true", &["found true"]);
    second("[1]", &["found an array"]);
    second("{}", &["found an object"]);
    second("\"\"", &["empty"]);
    second(&format!("\"{}\"", "x".repeat(513)), &["512", "found 513"]);
    second(
        "7",
        &[
            "a number at line 3, row 1",
            "a text at line 1, row 0",
            "ids as text",
        ],
    );
    second("\"b\",\"id\":\"c\"", &["\"id\" once", "twice"]);
    refused(
        "a.jsonl",
        "{\"id\":1,\"v\":[1]}\n{\"v\":[1]}",
        &["line 2", "\"id\"", "every row"],
    );
    refused(
        "a.jsonl",
        "{\"id\":1,\"v\":[1]}\n[1]",
        &["line 2", "\"id\""],
    );
    refused(
        "a.jsonl",
        "{\"v\":[1]}\n{\"id\":1,\"v\":[1]}",
        &["line 2", "no field \"id\""],
    );
    let key = with(|options| options.id_field = Some("key".into()));
    refused_with("a.jsonl", "{\"v\":[1]}", &key, &["\"key\"", "\"v\""]);
    refused_with("a.jsonl", "[1]", &key, &["\"key\"", "none"]);
}

#[test]
fn values_of_json_that_are_none_are_refused_with_the_component() {
    for lead in ["", "{\"vector\":[5,6,7]}\n"] {
        let line = if lead.is_empty() { "line 1" } else { "line 2" };
        let bad = |value: &str, parts: &[&str]| {
            let text = format!("{lead}{{\"vector\":[1,{value},3]}}\n");
            refused(
                "a.jsonl",
                text,
                &[&[line, "component 1 (from 0)"], parts].concat(),
            );
        };
        bad("1e39", &["finite", "1e39"]);
        bad("-3.5e38", &["-3.5e38"]);
        bad("1e400", &["finite", "found 1e400"]);
        bad("NaN", &["finite", "found NaN"]);
        bad("Infinity", &["finite", "found Infinity"]);
        bad("-Infinity", &["finite", "found -Infinity"]);
        bad("null", &["a number, found null"]);
        bad("\"1\"", &["a number, found a text"]);
        bad("[2]", &["a number, found an array"]);
        bad("{}", &["a number, found an object"]);
        bad("true", &["a number, found true"]);
        bad("nul", &["JSON"]);
    }
    refused(
        "a.jsonl",
        "{\"vector\":[1]}\n{\"vector\":null}",
        &["line 2", "null instead of an array"],
    );
    refused(
        "a.jsonl",
        "{\"vector\":[1]}\n{\"vector\":\"1\"}",
        &["line 2", "a text instead"],
    );
    refused(
        "a.jsonl",
        "{\"vector\":[1]}\n{\"vector\":{}}",
        &["line 2", "an object instead"],
    );
    refused(
        "a.jsonl",
        "{\"vector\":[1]}\n{\"vector\":1}",
        &["line 2", "a single number instead"],
    );
    refused(
        "a.jsonl",
        "{\"vector\":[1],\"vector\":[2]}",
        &["line 1", "\"vector\" once"],
    );
    refused(
        "a.jsonl",
        "{\"vector\":[1,2]}\n\n{\"vector\":[1]}",
        &["line 3", "row 1", "dimension 2", "found 1"],
    );
    refused(
        "a.jsonl",
        "[1,2]\n[1,2,3]",
        &["line 2", "dimension 2", "found 3"],
    );
    refused(
        "a.jsonl",
        "{\"vector\":[]}",
        &["line 1", "1 to 65536", "found 0"],
    );
    let long = format!("[{}0]", "0,".repeat(65_536));
    refused("a.jsonl", long, &["line 1", "found 65537"]);
}

#[test]
fn lines_that_are_no_json_are_refused_with_the_column() {
    refused(
        "a.jsonl",
        "[1]\n[1",
        &["line 2", "column", "one line of its own"],
    );
    refused(
        "a.jsonl",
        "[1]\n[1]]",
        &["line 2, column 4", "trailing characters"],
    );
    refused(
        "a.jsonl",
        "[1]\n[1] [2]",
        &["line 2, column 5", "trailing characters"],
    );
    refused(
        "a.jsonl",
        "  [1]]",
        &["line 1, column 6", "trailing characters"],
    );
    assert_eq!(read("a.jsonl", " {\"x\":[1]} \n\t[2]").vectors, [1.0, 2.0]);
    refused("a.jsonl", "7", &["line 1", "a single number"]);
    refused("a.jsonl", "\"a\"", &["line 1", "a text"]);
    refused("a.jsonl", "null", &["line 1", "null"]);
    refused("a.jsonl", "[\n1\n]", &["line 1", "JSON"]);
    refused(
        "a.jsonl",
        b"{\"vector\":[1],\"x\":\"\xff\"}",
        &["line 1", "JSON"],
    );
    refused("a.jsonl", "[".repeat(100_000), &["line 1", "JSON"]);
    refused("a.jsonl", "\n \n", &["at least one row"]);
    let few = with(|options| options.max_line_bytes = 8);
    assert!(try_read_with("a.jsonl", "[1,2,3]\n[1,2,30]\r\n", &few).is_err());
    assert!(try_read_with("a.jsonl", "[1,2,3]\n[1,2,30]\n[1,2,30]", &few).is_ok());
    refused_with(
        "a.jsonl",
        "[1,2,3]\n[1,2,300]",
        &few,
        &["line 2", "at most 8 bytes"],
    );
}

#[test]
fn text_from_the_file_comes_to_a_message_without_control_characters() {
    let line = "{\"\\u001b[31mred\":1,\"x\":[1],\"y\":[2]}";
    let named = with(|options| options.vector_field = Some("z".into()));
    refused_with("a.jsonl", line, &named, &["\\u{1b}[31mred"]);
    refused("a.csv", "id,x\n1,\u{1b}[31m\n", &["\\u{1b}"]);
}

#[test]
fn what_is_not_read_of_a_text_is_named() {
    let open = |name: &str, text: &str| {
        let file = input(name, text);
        let source = source::open(&file.path, &SourceOptions::default()).unwrap();
        source.info().clone()
    };
    let info = open(
        "a.jsonl",
        "{\"id\":1,\"title\":\"x\",\"vector\":[1],\"n\":2}",
    );
    assert_eq!(info.ignored_columns, ["title", "n"]);
    assert!(info.has_ids);
    assert_eq!((info.rows, info.dtype), (None, SourceType::Text));
    let info = open("a.csv", "id,title,vector,n\n1,x,\"[1,2]\",3\n");
    assert_eq!(info.ignored_columns, ["title", "n"]);
    assert_eq!(info.dimension, 2);
    assert!(open("a.csv", "id,x,y\n1,2,3\n").ignored_columns.is_empty());
}

#[test]
fn csv_with_a_column_for_each_component_is_read() {
    let all = read("a.csv", "x,id,y\n1,a,2\n -3.5 ,b,4e-1\n");
    assert_eq!(all.vectors, [1.0, 2.0, -3.5, 0.4]);
    assert_eq!(all.ids, texts(&["a", "b"]));
    assert_eq!(all.lines, [2, 3]);
    let all = read("a.csv", "1.5,2\n3,4\n");
    assert_eq!(all.vectors, [1.5, 2.0, 3.0, 4.0]);
    assert_eq!(all.lines, [1, 2]);
    // Numbers are names beside a column that is called id.
    assert_eq!(
        read("a.csv", "id,0,1,2\n9,5,6,7\n").vectors,
        [5.0, 6.0, 7.0]
    );
    assert_eq!(read("a.csv", "ID,x\n9,5\n").ids, numbers(&[9]));
}

#[test]
fn csv_with_a_vector_in_one_column_is_read() {
    for cell in [
        "\"[1, 2.5, -3]\"",
        "\"1,2.5,-3\"",
        "1;2.5;-3",
        "1 2.5 -3",
        "[1 2.5   -3]",
        " [ 1;2.5; -3 ] ",
    ] {
        for name in ["vector", "Embedding", "values"] {
            let text = format!("id,{name},title\n7,{cell},x\n8,{cell},y\n");
            let all = read("a.csv", text);
            assert_eq!(all.vectors, [1.0, 2.5, -3.0, 1.0, 2.5, -3.0], "{cell}");
            assert_eq!(all.ids, numbers(&[7, 8]));
        }
    }
    let named = with(|options| options.vector_field = Some("v".into()));
    let all = try_read_with("a.csv", "v,w\n1,2\n3,4\n", &named).unwrap();
    assert_eq!(all.vectors, [1.0, 3.0]);
    assert_eq!(read("a.csv", "id,vector\na,7\n").vectors, [7.0]);
    refused(
        "a.csv",
        "x,values\n1,2\n",
        &["column 2", "\"values\"", "single number"],
    );
}

#[test]
fn lines_of_csv_are_counted_over_blank_lines_quotes_and_line_ends() {
    for end in ["\n", "\r\n"] {
        let text = [
            "\u{feff}id,x,note",
            "a,1,",
            "",
            "",
            "b,2,\"two",
            "",
            "lines\"",
            "c,3,",
            "",
            "d,4,",
        ]
        .join(end);
        let named = with(|options| options.vector_field = Some("x".into()));
        let all = try_read_with("a.csv", &text, &named).unwrap();
        assert_eq!(all.lines, [2, 5, 8, 10], "{end:?}");
        assert_eq!(all.ids, texts(&["a", "b", "c", "d"]));
        let bad = text.replace("d,4", "d,?");
        refused_with(
            "a.csv",
            bad,
            &named,
            &["line 10, column 2, field \"x\", row 3", "\"?\""],
        );
    }
}

#[test]
fn damaged_csv_is_refused_with_line_and_column() {
    refused(
        "a.csv",
        "id,x,y\n1,2,3\n\n4,5\n",
        &["line 4", "row 1", "3 fields", "found 2"],
    );
    refused(
        "a.csv",
        "1,2\n3,4,5\n",
        &["line 2", "row 1", "2 fields", "found 3"],
    );
    refused("a.csv", "id,x,y\n1,2\n", &["line 2", "3 fields", "found 2"]);
    refused(
        "a.csv",
        "id,x,y\n1,2,\n",
        &[
            "line 2, column 3, field \"y\"",
            "component 1",
            "an empty field",
        ],
    );
    refused(
        "a.csv",
        "id,x\n1,2\n2,abc\n",
        &["line 3, column 2", "row 1, component 0", "\"abc\""],
    );
    for (value, shown) in [
        ("NaN", "NaN"),
        ("inf", "inf"),
        ("-Infinity", "-Infinity"),
        ("1e39", "1e39"),
        ("1e999", "1e999"),
    ] {
        refused(
            "a.csv",
            format!("id,x\n1,2\n2,{value}\n"),
            &["line 3, column 2", "finite", shown],
        );
        refused(
            "a.csv",
            format!("5,{value}\n1,2\n"),
            &["line 1, column 2", "component 1", "finite", shown],
        );
        refused(
            "a.csv",
            format!("id,vector\n1,2 3\n2,4 {value}\n"),
            &["line 3, column 2", "component 1", shown],
        );
    }
    refused(
        "a.csv",
        "id,vector\n1,1 2\n2,1 2 3\n",
        &["line 3", "dimension 2", "found 3"],
    );
    refused(
        "a.csv",
        "id,vector\n1,1 2\n2,\"[1,,2]\"\n",
        &["line 3", "component 1", "an empty field"],
    );
    refused(
        "a.csv",
        "id,vector\n1,\n",
        &["line 2, column 2", "an empty field"],
    );
    refused(
        "a.csv",
        "id,vector\n1,[]\n",
        &["line 2", "1 to 65536", "found 0"],
    );
    refused(
        "a.csv",
        "id,vector\n1,[1 2\n",
        &["line 2", "component 0", "[1"],
    );
    refused("a.csv", "id,vector\n", &["at least one row"]);
    refused("a.csv", b"id,x\n1,\xff\n", &["line 2", "UTF-8"]);
    refused("a.csv", b"id,x\n\xff,1\n", &["line 2, column 1", "UTF-8"]);
    refused("a.csv", b"id,\xff\n1,1\n", &["line 1", "UTF-8"]);
    refused("a.csv", "id,x,id\n1,1,1\n", &["line 1", "\"id\" once"]);
    refused("a.csv", "id\n1\n", &["line 1", "\"id\""]);
}

#[test]
fn a_first_record_that_may_be_a_header_or_a_row_is_refused() {
    for text in [
        "0,1,2\n5,6,7\n",
        "a1,0.25,0.5\na2,1,2\n",
        "a1,12,33\na2,1,2\n",
    ] {
        refused("a.csv", text, &["line 1", "header"]);
    }
    refused(
        "a.csv",
        ",x,y\n0,1,2\n",
        &["line 1, column 1", "name for the column", "row numbers"],
    );
    let header = with(|options| options.csv_header = Some(true));
    let row = with(|options| options.csv_header = Some(false));
    let text = "0,1\n5,6\n";
    assert_eq!(
        try_read_with("a.csv", text, &header).unwrap().vectors,
        [5.0, 6.0]
    );
    assert_eq!(
        try_read_with("a.csv", text, &row).unwrap().vectors,
        [0.0, 1.0, 5.0, 6.0]
    );
    let named = with(|options| options.id_field = Some("id".into()));
    refused_with("a.csv", "1,5\n", &named, &["\"id\"", "none"]);
    refused_with("a.csv", "x,y\n1,5\n", &named, &["\"id\"", "\"x\", \"y\""]);
}

#[test]
fn the_ids_of_csv_have_the_type_of_the_first() {
    assert_eq!(read("a.csv", "id,x\n5,1\n6,1\n").ids, numbers(&[5, 6]));
    assert_eq!(read("a.csv", "id,x\na,1\n6,1\n").ids, texts(&["a", "6"]));
    assert_eq!(
        read("a.csv", "id,x\n007,1\n6,1\n").ids,
        texts(&["007", "6"])
    );
    let mixed = "id,x\n5,1\n\nb,1\n";
    refused(
        "a.csv",
        mixed,
        &["a number at line 2", "a text at line 4", "ids as text"],
    );
    let text = with(|options| options.id_type = Some(IdType::Text));
    assert_eq!(
        try_read_with("a.csv", mixed, &text).unwrap().ids,
        texts(&["5", "b"])
    );
    let number = with(|options| options.id_type = Some(IdType::U64));
    refused_with("a.csv", "id,x\n007,1\n", &number, &["line 2", "\"007\""]);
    refused("a.csv", "id,x\n,1\n", &["line 2, column 1", "empty"]);
    let none = with(|options| options.ignore_ids = true);
    let all = try_read_with("a.csv", mixed, &none).unwrap();
    assert!(all.ids.is_empty());
    assert_eq!(all.vectors, [1.0, 1.0]);
    let key = with(|options| options.id_field = Some("key".into()));
    let all = try_read_with("a.csv", "key,x\nk,1\n", &key).unwrap();
    assert_eq!(all.ids, texts(&["k"]));
}

#[test]
fn a_quote_that_is_not_closed_does_not_take_the_whole_file_in() {
    let few = with(|options| options.max_line_bytes = 1000);
    let rows = "7,8\n".repeat(10_000);
    let text = format!("x,y\n1,2\n\"3,4\n{rows}");
    refused_with(
        "a.csv",
        text,
        &few,
        &["line 3", "at most 1000 bytes", "quote"],
    );
    let all = try_read_with("a.csv", format!("x,y\n{rows}"), &few).unwrap();
    assert_eq!(all.vectors.len(), 20_000);
}

#[test]
fn a_named_format_wins_over_the_extension() {
    let csv = with(|options| options.format = Some(SourceFormat::Csv));
    let all = try_read_with("a.txt", "1.5,2\n", &csv).unwrap();
    assert_eq!(all.vectors, [1.5, 2.0]);
}

#[test]
fn a_text_that_changes_between_passes_is_found_out() {
    for (name, before, after) in [
        ("a.jsonl", "[1]\n[2]\n", "[1]\n"),
        ("a.csv", "1.5\n2.5\n", "1.5\n"),
    ] {
        let file = input(name, before);
        let mut source = source::open(&file.path, &SourceOptions::default()).unwrap();
        read_all(source.as_mut(), 5).unwrap();
        std::fs::write(&file.path, after).unwrap();
        source.rewind().unwrap();
        let error = read_all(source.as_mut(), 5).unwrap_err();
        sources_util::says(&error, name, &["rows was 2, now 1"]);
    }
}

#[test]
fn decimals_are_rounded_correctly() {
    // Exactly between two f64s in its digits, and others that a quick parser gets wrong in the last place.
    for text in [
        "1.00000005960464477539062",
        "0.1",
        "8.5e-46",
        "3.4028235e38",
        "1.17549435e-38",
        "5e-324",
        "123456789.123456789",
    ] {
        let expected = text.parse::<f64>().unwrap() as f32;
        assert_eq!(
            read("a.jsonl", format!("[{text}]")).vectors[0].to_bits(),
            expected.to_bits()
        );
        assert_eq!(
            read("a.csv", format!("x\n{text}\n")).vectors[0].to_bits(),
            expected.to_bits()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_come_back_from_text(
        rows in proptest::collection::vec(proptest::collection::vec(any::<f32>(), 3), 1..8)
    ) {
        let rows: Vec<Vec<f32>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|v| if v.is_finite() { v } else { 0.5 }).collect())
            .collect();
        let line = |row: &Vec<f32>, comma: &str| {
            row.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(comma)
        };
        let bits: Vec<u32> = rows.iter().flatten().map(|v| v.to_bits()).collect();
        let jsonl: String = rows.iter().map(|row| format!("[{}]\n", line(row, ", "))).collect();
        let csv: String = rows.iter().map(|row| format!("{}\n", line(row, ","))).collect();
        let cells: String = rows.iter().map(|row| format!("{}\n", line(row, " "))).collect();
        for (name, text) in [("a.jsonl", jsonl), ("a.csv", format!("x,y,z\n{csv}")), ("a.csv", format!("vector\n{cells}"))] {
            let found: Vec<u32> = read(name, text).vectors.iter().map(|v| v.to_bits()).collect();
            prop_assert_eq!(&found, &bits);
        }
    }

    #[test]
    fn no_pieces_of_json_make_the_reader_panic(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"vector\"", "\"id\"", "1", "-2.5e3", "null", "\n", "\"", "\\u12",
                "NaN", "{\"vector\":[1,2]}\n", "{\"id\":1,\"vector\":[1,2]}\n", " ", "\u{e9}", "1e999",
            ]),
            0..30,
        )
    ) {
        if let Err(error) = try_read("a.jsonl", pieces.concat()) {
            prop_assert!(error.to_string().contains("; "));
        }
    }

    #[test]
    fn no_pieces_of_csv_make_the_reader_panic(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "id", "vector", ",", "\n", "\r\n", "\"", "1", "2.5", "[1,2]", " ", ";", "nan", "x", "\r", "\"[1, 2]\"",
                "\u{e9}", "\u{feff}",
            ]),
            0..30,
        )
    ) {
        if let Err(error) = try_read("a.csv", pieces.concat()) {
            prop_assert!(error.to_string().contains("; "));
        }
    }
}

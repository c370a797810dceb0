//! The language as Go has it, and its limits.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// `twice` says its argument twice.
struct Twice;

impl Functions for Twice {
    fn has(&self, name: &str) -> bool {
        name == "twice"
    }

    fn call(&self, _name: &str, args: &[Value]) -> Result<Value, TemplateError> {
        Ok(Value::String(args.iter().map(|arg| print(arg).repeat(2)).collect()))
    }
}

fn run(source: &str, data: &Value) -> Result<String, TemplateError> {
    Template::parse(source, &Twice)?.apply(&Data::new(data, &Twice))
}

fn run_within(source: &str, data: &Value, budget: usize) -> Result<String, TemplateError> {
    Template::parse(source, &Twice)?.apply(&Data { budget: Some(budget), ..Data::new(data, &Twice) })
}

#[test]
fn gives_what_go_gives() {
    let data = json!({
        "Id": "abc", "Name": "/web", "N": 3, "Zero": 0, "Flag": true, "List": ["x", "y"], "Empty": [],
        "Nil": null, "Map": {"b": 2, "a": 1}, "Deep": {"er": {"V": "v"}}, "Rows": [{"K": "1"}, {"K": "2"}],
    });
    let table = [
        ("{{.ID}}", "abc"),
        ("{{ .Deep.er.V }}", "v"),
        ("{{(.Deep).er.V}}", "v"),
        ("{{.Map}}", "map[a:1 b:2]"),
        ("{{.List}}", "[x y]"),
        ("{{.List | len}}", "2"),
        ("{{index .List 1}}", "y"),
        ("{{index .Map \"a\"}}", "1"),
        ("{{index .Map \"none\"}}", ""),
        ("{{range .List}}<{{.}}>{{end}}", "<x><y>"),
        ("{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}", "0=x 1=y "),
        ("{{range $k, $v := .Map}}{{$k}}{{$v}}{{end}}", "a1b2"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range .Rows}}{{.K}}{{$.Name}} {{end}}", "1/web 2/web "),
        ("{{range .List}}{{if eq . \"y\"}}{{break}}{{end}}{{.}}{{end}}", "x"),
        ("{{range .List}}{{if eq . \"x\"}}{{continue}}{{end}}{{.}}{{end}}", "y"),
        ("{{if .Flag}}a{{else}}b{{end}}", "a"),
        ("{{if .Zero}}a{{else if .Flag}}c{{else}}b{{end}}", "c"),
        ("{{if .Missing}}a{{else}}b{{end}}", "b"),
        ("{{if and .Flag (gt .N 2)}}y{{end}}", "y"),
        ("{{if or .Zero .Nil}}y{{else}}n{{end}}", "n"),
        ("{{if not .Nil}}y{{end}}", "y"),
        ("{{with .Deep.er}}{{.V}}{{end}}", "v"),
        ("{{with .Nil}}a{{else}}b{{end}}", "b"),
        ("{{eq .N 1 2 3}} {{ne .N 3}}", "true false"),
        ("{{printf \"%-5s|%03d\" .ID .N}}", "abc  |007".replace("007", "003").as_str()),
        ("{{println .N .Flag}}", "3 true\n"),
        ("{{$x := .N}}{{$x}}{{$x = 4}}{{$x}}", "34"),
        ("{{slice .ID 1 2}}", "b"),
        ("a{{/* note */}}b", "ab"),
        ("  {{- .N -}}  x", "3x"),
        ("{{`raw`}}{{\"q\\t\"}}", "rawq\t"),
        ("{{.Nil}}", "<nil>"),
        ("{{.ID | twice}} {{twice .N}}", "abcabc 33"),
        ("{{urlquery \"a b&c\"}} {{html \"<\"}}", "a+b%26c &lt;"),
    ]
    .map(|(source, want)| (source.to_owned(), want.to_owned()));
    for (source, want) in table {
        assert_eq!(run(&source, &data).as_deref(), Ok(want.as_str()), "{source}");
    }
}

#[test]
fn what_the_type_has_is_not_missing() {
    let data = json!({"List": [{"A": 1}], "Map": {"k": {}}, "Null": null});
    let absent = |at: &[String]| match at.join(".").as_str() {
        "List.0.B" | "Map.k.B" | "Made.B" => Absent::Empty("zero".into()),
        "Made" => Absent::Empty(json!({})),
        "Null" => Absent::Empty(json!([])),
        "Map.none" => Absent::NoValue,
        _ => Absent::Unknown,
    };
    for (source, want) in [
        ("{{range .List}}{{.A}}{{.B}}{{end}}", Ok("1zero")),
        ("{{range $i, $e := .List}}{{$e.B}}{{end}}", Ok("zero")),
        ("{{(index .List 0).B}} {{with .Map}}{{.k.B}}{{end}} {{.Made.B}}", Ok("zero zero zero")),
        ("{{(index .Map \"k\").B}}{{$m := .Map}}{{$m.k.B}}", Ok("zerozero")),
        ("{{.Null}} {{len .Null}}", Ok("[] 0")),
        ("{{.Map.none}} {{not .Map.none}} {{(.Map.none)}}", Ok("<no value> true <no value>")),
        ("{{.Made.C}}", Err("C")),
        ("{{.Map.none.C}}", Err("none")),
        ("{{(.Map.none).C}}", Err("C")),
    ] {
        let template = Template::parse(source, &Twice).unwrap();
        let got = template.apply(&Data { absent: &absent, ..Data::new(&data, &Twice) });
        let want = want.map(str::to_owned).map_err(|name| TemplateError::NoField { name: name.to_owned() });
        assert_eq!(got, want, "{source}");
    }
}

#[test]
fn names_what_is_wrong() {
    let data = json!({"A": 1});
    let table = [
        ("{{.A", "template: position 0: unclosed action, '}}' is missing"),
        ("{{if .A}}x", "template: '{{end}}' is missing for '{{if}}'"),
        ("{{end}}", "template: unexpected '{{end}}'"),
        ("{{nope .A}}", "template: position 2: function \"nope\" is not defined"),
        ("{{.B}}", "template: no field or entry \"B\" here"),
        ("{{.A.B}}", "template: no field or entry \"B\" here"),
        ("{{$x}}", "template: undefined variable \"$x\""),
        ("{{}}", "template: position 0: a value or a function is expected"),
        ("{{template \"x\"}}", "template: unexpected '{{template}}'"),
        ("{{range .A}}{{end}}", "template: wrong use of \"range\": cannot walk over a number"),
    ];
    for (source, want) in table {
        assert_eq!(run(source, &data).map_err(|e| e.to_string()), Err(want.to_owned()), "{source}");
    }
    let deep = "(".repeat(5000);
    assert!(run(&format!("{{{{{deep}"), &data).is_err());
    let deep = "{{if .A}}".repeat(5000);
    assert!(matches!(run(&deep, &data), Err(TemplateError::TooDeep { .. })));
}

#[test]
fn work_is_bounded_by_the_budget() {
    let data = json!({"L": vec![0; 100]});
    let nested = "{{range .L}}{{range $.L}}{{range $.L}}{{range $.L}}x{{end}}{{end}}{{end}}{{end}}";
    let doubling = "{{$x := \"ab\"}}{{range .L}}{{$x = print $x $x}}{{end}}{{$x}}";
    let twice = "{{$x := \"ab\"}}{{range .L}}{{$x = twice $x}}{{end}}{{$x}}";
    for source in [nested, doubling, twice] {
        let limit = 1 << 20;
        assert_eq!(run_within(source, &data, limit), Err(TemplateError::TooCostly { limit }), "{source}");
    }
    assert_eq!(run_within("{{len .L}}", &data, 1000).as_deref(), Ok("100"));
}

proptest! {
    #[test]
    fn any_text_without_braces_is_itself(text in "[^{}]*") {
        prop_assert_eq!(run(&text, &Value::Null), Ok(text));
    }

    #[test]
    fn any_source_ends_without_panic(source in "(\\{\\{|\\}\\}|[-.$|()a-z \"`:=,0-9é])*") {
        let _ = run(&source, &json!({"a": [1, {"b": "c"}]}));
    }

    #[test]
    fn strings_come_through_unchanged(text in ".*") {
        prop_assert_eq!(run("{{.A}}", &json!({"A": text.clone()})), Ok(text));
    }
}

//! A source file as the rules see it: text, code with comments and strings blanked, test lines, and the paths it names.

/// Line and column stay the same in `text` and `code`: what is blanked becomes spaces.
pub struct Source<'a> {
    pub path: &'a str,
    pub text: &'a str,
    /// `text` without the content of comments, strings and characters.
    pub code: String,
    /// Lines (from 0) inside `#[cfg(test)] mod … { }`.
    test_lines: Vec<bool>,
}

/// A path such as `std::time::Instant`, written out even where a `use` tree or an alias shortens it.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// Counted from 1.
    pub line: usize,
    pub segments: Vec<String>,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let code = blank(text);
        let test_lines = test_lines(&code);
        Self { path, text, code, test_lines }
    }

    /// Written by a program. Such files say so in their first lines.
    pub fn is_generated(&self) -> bool {
        self.text.lines().take(5).any(|line| line.starts_with("//") && line.contains("@generated"))
    }

    /// Whether a line, counted from 1, belongs to a unit test.
    pub fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    pub fn is_below(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Every path of two segments and more, and every leaf of every `use` tree.
    pub fn paths(&self) -> Vec<Named> {
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at].is_word() && (at == 0 || tokens[at - 1].text != "::") {
                at = path(&tokens, at, &[], &mut found);
            } else {
                at += 1;
            }
        }
        found.retain(|named| named.segments.len() > 1);
        found
    }

    pub fn words(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// Counted from 1.
    pub line: usize,
    pub text: &'a str,
}

impl Token<'_> {
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Reads one path from `at`, descending into use trees; returns the place behind it.
fn path(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens[at].line;
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            return tree(tokens, at, &segments, found);
        }
        segments.push(token.text.trim_start_matches("r#").to_owned());
        at += 1;
        let follows = tokens.get(at + 1).is_some_and(|t| t.is_word() || t.text == "*" || t.text == "{");
        if tokens.get(at).is_some_and(|t| t.text == "::") && follows {
            at += 1;
        } else {
            break;
        }
    }
    found.push(Named { line, segments });
    at
}

/// Reads `{a, b::c, self}` from its brace.
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    at += 1;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            "," => at += 1,
            "self" => {
                found.push(Named { line: token.line, segments: prefix.to_vec() });
                at += 1;
            }
            _ => at = path(tokens, at, prefix, found),
        }
        if tokens.get(at).is_some_and(|t| t.text == "as") {
            at += 2;
        }
    }
    at
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'\n' => {
                line += 1;
                at += 1;
                continue;
            }
            c if c.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            c if c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80 => {
                while at < bytes.len()
                    && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] >= 0x80)
                {
                    at += 1;
                }
            }
            b':' if bytes.get(at + 1) == Some(&b':') => at += 2,
            b'-' | b'=' if bytes.get(at + 1) == Some(&b'>') => at += 2,
            _ => at += 1,
        }
        found.push(Token { line, text: &code[start..at] });
    }
    found
}

/// Replaces the content of comments, strings and characters by spaces, keeping every line break.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => find(bytes, at, b"\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment(bytes, at),
            b'"' => string(bytes, at),
            b'r' | b'b' | b'c' if !(at > 0 && is_word(bytes[at - 1])) => prefixed_string(bytes, at),
            b'\'' => character(bytes, at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).expect("only ASCII was put in, in place of whole characters")
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    (from..bytes.len()).find(|at| bytes[*at..].starts_with(what)).unwrap_or(bytes.len())
}

fn block_comment(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// From the opening quote to behind the closing one.
fn string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `b"…"`, `c"…"`, `b'…'`, `r"…"`, `r#"…"#`, `br#"…"#`; `from` itself when it is none of these.
fn prefixed_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    let raw = bytes[from] == b'r' || bytes.get(at) == Some(&b'r');
    if bytes[from] != b'r' && raw {
        at += 1;
    }
    match bytes.get(at) {
        Some(b'"') if !raw => string(bytes, at),
        Some(b'\'') if bytes[from] == b'b' && !raw => character(bytes, at),
        Some(b'"' | b'#') if raw => {
            let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
            if bytes.get(at + hashes) != Some(&b'"') {
                return from; // A raw identifier.
            }
            let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            (find(bytes, at + hashes + 1, &close) + close.len()).min(bytes.len())
        }
        _ => from,
    }
}

/// A character literal; `from` itself when the quote begins a lifetime.
fn character(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from + 1) {
        Some(b'\\') => find(bytes, from + 3, b"'") + 1,
        Some(first) => {
            let width = match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                _ => 4,
            };
            if bytes.get(from + 1 + width) == Some(&b'\'') { from + width + 2 } else { from }
        }
        None => from,
    }
}

fn test_lines(code: &str) -> Vec<bool> {
    let mut lines = vec![false; code.lines().count() + 1];
    let tokens = tokens(code);
    for (at, window) in tokens.windows(7).enumerate() {
        let texts: Vec<&str> = window.iter().map(|t| t.text).collect();
        if texts != ["#", "[", "cfg", "(", "test", ")", "]"] {
            continue;
        }
        let mut depth = 0;
        for token in &tokens[at + 7..] {
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => continue,
            }
            if depth == 0 {
                lines[window[0].line - 1..token.line].fill(true);
                break;
            }
        }
    }
    lines
}

#[test]
fn strings_comments_and_characters_are_not_code() {
    let text = "a(\"x::y \\\" z\"); // b::c\n/* d /* e */ f */ g::h('\\'', '\"', b'\\n', 'é'); r#\"i::j\"#; k::<'l>(r#m::n)";
    let source = Source::new("x.rs", text);
    let names: Vec<String> = source.paths().iter().map(|n| n.segments.join("::")).collect();
    assert_eq!(names, ["g::h", "m::n"]);
    assert_eq!(source.code.len(), text.len());
}

#[test]
fn use_trees_are_written_out() {
    let source = Source::new(
        "x.rs",
        "use std::{fs, io::{self, Read as R}, time::*};\nlet x = std::net::TcpStream::connect();",
    );
    let names: Vec<String> = source.paths().iter().map(|n| n.segments.join("::")).collect();
    assert_eq!(
        names,
        ["std::fs", "std::io", "std::io::Read", "std::time::*", "std::net::TcpStream::connect"]
    );
    assert_eq!(source.paths()[4].line, 2);
}

#[test]
fn unit_tests_are_told_apart() {
    let source = Source::new("x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n");
    let test: Vec<bool> = (1..=6).map(|line| source.is_test(line)).collect();
    assert_eq!(test, [false, true, true, true, true, false]);
}

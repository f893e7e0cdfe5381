//! Java `.properties` files, read as `java.util.Properties` reads them, with the line of every entry.
//!
//! Bytes are UTF-8 if they are valid UTF-8 and ISO-8859-1 otherwise (Java takes them as ISO-8859-1 always, which would garble what
//! editors write today). Memory is bounded by the input: an entry holds at most the text it was read from.

/// One `key = value`, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// Where the entry begins, counted from 1.
    pub line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("\\u must be followed by four hexadecimal digits")]
    Escape,
    #[error("\\u escapes of one half of a surrogate pair without the other")]
    Surrogate,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SyntaxError {
    /// The first line of the entry that is wrong.
    pub line: u32,
    pub problem: Problem,
}

/// Reads a file's bytes.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, SyntaxError> {
    entries(&decode(bytes)).collect()
}

/// The entries of a text, one after the other: no two are in memory at a time.
pub fn entries(text: &str) -> impl Iterator<Item = Result<Entry, SyntaxError>> {
    let mut lines = Lines { rest: text, next_line: 1 };
    std::iter::from_fn(move || {
        let (line, text) = lines.next_logical()?;
        Some(entry(line, &text).map_err(|problem| SyntaxError { line, problem }))
    })
}

fn entry(line: u32, text: &str) -> Result<Entry, Problem> {
    let (key, value) = split(text);
    Ok(Entry { key: unescape(key)?, value: unescape(value)?, line })
}

/// Writes an entry so that [`parse`] and Java read it back.
pub fn render(key: &str, value: &str) -> String {
    let mut line = String::with_capacity(key.len() + value.len() + 2);
    escape(key, true, &mut line);
    line.push('=');
    escape(value, false, &mut line);
    line.push('\n');
    line
}

/// Feeds arbitrary bytes through [`parse`] and back through [`render`]. Panics if an entry does not survive; for fuzzing.
pub fn fuzz(bytes: &[u8]) {
    let Ok(entries) = parse(bytes) else { return };
    let text: String = entries.iter().map(|entry| render(&entry.key, &entry.value)).collect();
    let again = parse(text.as_bytes()).expect("what render writes is well-formed");
    let pairs = |entries: &[Entry]| -> Vec<(String, String)> {
        entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
    };
    assert_eq!(pairs(&entries), pairs(&again), "an entry is read as it was written");
    let read: usize = entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
    assert!(read <= 2 * bytes.len(), "entries are no larger than their text, as UTF-8");
}

fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\x0c')
}

/// Natural lines, joined to logical ones.
struct Lines<'a> {
    rest: &'a str,
    next_line: u32,
}

impl Lines<'_> {
    /// The next entry's text, still escaped, and the line it begins on. Comments and blank lines are skipped.
    fn next_logical(&mut self) -> Option<(u32, String)> {
        loop {
            let (line, text) = self.next_natural()?;
            let text = text.trim_start_matches(is_blank);
            if text.is_empty() || text.starts_with(['#', '!']) {
                continue;
            }
            let mut logical = text.to_owned();
            while ends_in_a_backslash(&logical) {
                logical.pop();
                // A comment sign or a blank line means nothing in a continuation.
                match self.next_natural() {
                    Some((_, text)) => logical.push_str(text.trim_start_matches(is_blank)),
                    None => break,
                }
            }
            // A backslash alone on a line joins nothing to nothing: Java takes it for a blank line.
            if !logical.is_empty() {
                return Some((line, logical));
            }
        }
    }

    fn next_natural(&mut self) -> Option<(u32, &str)> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (text, tail) = self.rest.split_at(end);
        self.rest = tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix(['\n', '\r'])).unwrap_or(tail);
        let line = self.next_line;
        self.next_line = self.next_line.saturating_add(1);
        Some((line, text))
    }
}

/// Whether a line goes on on the next: an odd number of backslashes at its end, since two of them are one of the text.
fn ends_in_a_backslash(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that is not escaped; blanks and one `=` or `:` stand between it and the value.
fn split(text: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = text.find(|letter: char| {
        let ends = !escaped && (matches!(letter, '=' | ':') || is_blank(letter));
        escaped = letter == '\\' && !escaped;
        ends
    });
    let Some(end) = end else { return (text, "") };
    let (key, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    // The first half of a surrogate pair, waiting for its second.
    let mut high: Option<u16> = None;
    while let Some(letter) = letters.next() {
        let unit = match letter {
            '\\' => match letters.next() {
                Some('u') => Some(hexadecimal(&mut letters)?),
                Some(escaped) => {
                    end_of_pair(high)?;
                    out.push(control(escaped));
                    None
                }
                None => None,
            },
            plain => {
                end_of_pair(high)?;
                out.push(plain);
                None
            }
        };
        let Some(unit) = unit else { continue };
        match (high.take(), unit) {
            (None, 0xd800..=0xdbff) => high = Some(unit),
            (None, _) => out.push(char::from_u32(u32::from(unit)).ok_or(Problem::Surrogate)?),
            (Some(first), _) => {
                let mut pair = char::decode_utf16([first, unit]);
                match (pair.next(), pair.next()) {
                    (Some(Ok(letter)), None) => out.push(letter),
                    _ => return Err(Problem::Surrogate),
                }
            }
        }
    }
    end_of_pair(high)?;
    Ok(out)
}

/// Nothing may stand between the halves of a pair.
fn end_of_pair(high: Option<u16>) -> Result<(), Problem> {
    if high.is_some() { Err(Problem::Surrogate) } else { Ok(()) }
}

fn hexadecimal(letters: &mut std::str::Chars<'_>) -> Result<u16, Problem> {
    let mut unit: u16 = 0;
    for _ in 0..4 {
        let digit = letters.next().and_then(|letter| letter.to_digit(16)).ok_or(Problem::Escape)?;
        unit = unit << 4 | digit as u16;
    }
    Ok(unit)
}

fn control(escaped: char) -> char {
    match escaped {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\x0c',
        other => other,
    }
}

fn escape(text: &str, is_key: bool, out: &mut String) {
    for (at, letter) in text.char_indices() {
        match letter {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x0c' => out.push_str("\\f"),
            // A leading blank would be taken for the separator's.
            ' ' if is_key || at == 0 => out.push_str("\\ "),
            '\\' | '=' | ':' | '#' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            '\x20'..='\x7e' => out.push(letter),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    out.push_str("\\u");
                    for nibble in (0..4).rev() {
                        out.extend(char::from_digit(u32::from(*unit >> (4 * nibble) & 0xf), 16));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &[u8], expect: &[(&str, &str, u32)]) {
        let entries = parse(text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
        let got: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.value.as_str(), e.line)).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn entries_are_read_as_java_reads_them() {
        check(b"", &[]);
        check(b"a=b\nc:d\r\ne f\rg", &[("a", "b", 1), ("c", "d", 2), ("e", "f", 3), ("g", "", 4)]);
        check(b"  # no\n ! no\n\n\t a \t = \t b \n", &[("a", "b ", 4)]);
        check(b"a = = b", &[("a", "= b", 1)]);
        check(b"a\\=b\\ c = d", &[("a=b c", "d", 1)]);
        check(b"dirs=/a,\\\n   /b,\\\n/c\nx=1", &[("dirs", "/a,/b,/c", 1), ("x", "1", 4)]);
        check(b"a=b\\\\\nc=d", &[("a", "b\\", 1), ("c", "d", 2)]);
        check(b"a=b\\\n\nc=d", &[("a", "b", 1), ("c", "d", 3)]);
        check(b"a=b\\\n# c", &[("a", "b# c", 1)]);
        check(b"a=b\\", &[("a", "b", 1)]);
        check(b"\\\na=b", &[("a", "b", 1)]);
        check(b"tab=\\t\\n\\q", &[("tab", "\t\nq", 1)]);
        check(b"u=\\u0041\\ud83d\\ude00", &[("u", "A\u{1f600}", 1)]);
        check("n=\u{fc}".as_bytes(), &[("n", "\u{fc}", 1)]);
        check(b"n=\xfc", &[("n", "\u{fc}", 1)]);
        check(b"=v", &[("", "v", 1)]);
    }

    #[test]
    fn errors_name_their_line() {
        let error = |line, problem| Err(SyntaxError { line, problem });
        assert_eq!(parse(b"a=b\nc=\\u00g0"), error(2, Problem::Escape));
        assert_eq!(parse(b"c=\\u00"), error(1, Problem::Escape));
        assert_eq!(parse(b"c=\\ud83dx"), error(1, Problem::Surrogate));
        assert_eq!(parse(b"c=\\ude00"), error(1, Problem::Surrogate));
        assert_eq!(parse(b"c=\\ud83d\\u0041"), error(1, Problem::Surrogate));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&bytes);
        }

        #[test]
        fn nor_do_those_that_look_like_a_file(text in "([a-c=:#! \\\\\t\n\r\u{fc}]|\\\\u[0-9a-f]{4}){0,40}") {
            fuzz(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read_back(key in ".{0,20}", value in ".{0,40}") {
            let text = render(&key, &value);
            let entries = parse(text.as_bytes()).unwrap();
            // An empty entry is still an entry: the separator stands for itself.
            prop_assert_eq!(entries.len(), 1);
            prop_assert_eq!(&entries[0].key, &key);
            prop_assert_eq!(&entries[0].value, &value);
        }
    }
}

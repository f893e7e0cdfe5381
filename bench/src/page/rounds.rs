//! Every round of a cell, with all that was measured: nothing is put together here.

use std::fmt::Write as _;

use super::brokers::{key, name};
use super::text::{NOTHING, breakable, bytes, counted, number};
use crate::figures::{Latency, Measured, Side, Spent};
use crate::results::{CellResults, Figure, Results, Round};

/// A row: what it is called, and what a run says of it.
type Row = (&'static str, Box<dyn Fn(&Measured) -> Option<String>>);

type OfLatency = fn(&Latency) -> f64;

/// Rows about one thing.
type Group = (&'static str, Vec<Row>);

pub fn write(out: &mut String, results: &Results, cell: &CellResults) {
    let mut rounds: Vec<(&Round, &Measured)> =
        cell.rounds.iter().filter_map(|round| Some((round, round.measured.as_ref()?))).collect();
    if rounds.is_empty() {
        return;
    }
    rounds.sort_by_key(|(round, _)| (round.broker, round.number));
    out.push_str("<details><summary>Every round, and all that was measured</summary>\n<div class=\"wide\"><table class=\"rounds\"><tr class=\"names\"><th></th>");
    for group in rounds.chunk_by(|(a, _), (b, _)| a.broker == b.broker) {
        let broker = group[0].0.broker;
        let _ = write!(
            out,
            "<th class=\"first\" colspan=\"{}\">{}{}</th>",
            group.len(),
            key(broker),
            breakable(name(results, broker))
        );
    }
    out.push_str("</tr>\n<tr class=\"names\"><th>round</th>");
    let mut last = None;
    let classes: Vec<&str> = rounds
        .iter()
        .map(
            |(round, _)| {
                if last.replace(round.broker) == Some(round.broker) { "" } else { " class=\"first\"" }
            },
        )
        .collect();
    for ((round, _), class) in rounds.iter().zip(&classes) {
        let _ = write!(out, "<th{class}>{}</th>", round.number + 1);
    }
    out.push_str("</tr>\n");
    if rounds.iter().any(|(round, _)| round.rate.is_some()) {
        out.push_str("<tr><th scope=\"row\">records/s that were due</th>");
        for ((round, _), class) in rounds.iter().zip(&classes) {
            let rate = round.rate.map_or_else(|| NOTHING.to_owned(), counted);
            let _ = write!(out, "<td{class}>{rate}</td>");
        }
        out.push_str("</tr>\n");
    }
    for (title, rows) in groups() {
        let told: Vec<(&str, Vec<Option<String>>)> = rows
            .iter()
            .map(|(name, of)| (*name, rounds.iter().map(|(_, measured)| of(measured)).collect()))
            .filter(|(_, cells): &(&str, Vec<Option<String>>)| cells.iter().any(Option::is_some))
            .collect();
        if told.is_empty() {
            continue;
        }
        let _ =
            writeln!(out, "<tr class=\"group\"><th>{title}</th><td colspan=\"{}\"></td></tr>", rounds.len());
        for (name, cells) in told {
            let _ = write!(out, "<tr><th scope=\"row\">{name}</th>");
            for (cell, class) in cells.into_iter().zip(&classes) {
                let _ = write!(out, "<td{class}>{}</td>", cell.unwrap_or_else(|| NOTHING.to_owned()));
            }
            out.push_str("</tr>\n");
        }
    }
    out.push_str("</table></div></details>\n");
}

fn row(name: &'static str, of: impl Fn(&Measured) -> Option<String> + 'static) -> Row {
    (name, Box::new(of))
}

fn groups() -> Vec<Group> {
    let produced: fn(&Measured) -> Option<&Side> = |measured| measured.produced.as_ref();
    let fetched: fn(&Measured) -> Option<&Side> = |measured| measured.fetched.as_ref();
    let figures = Figure::ALL.map(|figure| row(figure.name(), move |m| Some(number(figure.of(m)?))));
    let mut run = vec![row("seconds measured", |m| Some(number(m.seconds)))];
    run.extend(figures);
    vec![
        ("the run", run),
        ("started again", restarted()),
        ("produced", side(produced)),
        ("fetched", side(fetched)),
        ("end to end", latencies(|m| m.end_to_end.as_ref())),
        ("broker’s process", broker()),
        ("client’s process", process(|m| Some(&m.client).filter(|_| m.restart.is_none()))),
        ("verified records", verified()),
    ]
}

fn restarted() -> Vec<Row> {
    vec![
        row("somebody listens: ms", |m| Some(number(m.restart?.listening_ms))),
        row("records acknowledged before", |m| Some(counted(m.restart?.acknowledged))),
        row("records found", |m| Some(counted(m.restart?.found))),
    ]
}

fn side(of: fn(&Measured) -> Option<&Side>) -> Vec<Row> {
    let mut rows = vec![
        row("MB/s", move |m| Some(number(of(m)?.mb_per_s))),
        row("records/s", move |m| Some(number(of(m)?.records_per_s))),
        row("requests/s", move |m| Some(number(of(m)?.requests_per_s))),
        row("bytes", move |m| Some(bytes(of(m)?.bytes))),
        row("records", move |m| Some(counted(of(m)?.records))),
    ];
    rows.extend(latencies(move |m| of(m)?.latency.as_ref()));
    rows.push(row("worst second: p99 ms", move |m| Some(number(of(m)?.worst_second()?.p99_ms))));
    rows.push(row("worst second: began at s", move |m| Some(number(of(m)?.worst_second()?.at_s.floor()))));
    rows
}

fn latencies(of: impl Fn(&Measured) -> Option<&Latency> + Copy + 'static) -> Vec<Row> {
    let percentiles: [(&'static str, OfLatency); 6] = [
        ("p50 ms", |latency| latency.p50_ms),
        ("p90 ms", |latency| latency.p90_ms),
        ("p99 ms", |latency| latency.p99_ms),
        ("p99.9 ms", |latency| latency.p999_ms),
        ("p99.99 ms", |latency| latency.p9999_ms),
        ("max ms", |latency| latency.max_ms),
    ];
    percentiles.into_iter().map(|(name, at)| row(name, move |m| Some(number(at(of(m)?))))).collect()
}

fn process(of: fn(&Measured) -> Option<&Spent>) -> Vec<Row> {
    let per_gb = |m: &Measured, cpu_s: f64| (m.bytes() > 0).then(|| number(cpu_s / (m.bytes() as f64 / 1e9)));
    let switches = |count: u64, m: &Measured| number(count as f64 / m.seconds);
    vec![
        row("CPU-s/GB", move |m| per_gb(m, of(m)?.cpu_s())),
        row("user", move |m| per_gb(m, of(m)?.user_s)),
        row("system", move |m| per_gb(m, of(m)?.system_s)),
        row("% of a core", move |m| Some(number(of(m)?.cpu_s() / m.seconds * 100.0))),
        row("resident at the end", move |m| Some(bytes(of(m)?.resident_bytes))),
        row("resident at most", move |m| Some(bytes(of(m)?.peak_resident_bytes))),
        row("waits/s", move |m| Some(switches(of(m)?.voluntary_switches, m))),
        row("preemptions/s", move |m| Some(switches(of(m)?.involuntary_switches, m))),
    ]
}

fn broker() -> Vec<Row> {
    let mut rows = process(|m| m.broker.as_ref());
    // Of another user's process the kernel does not say what it wrote: nothing is written down as 0 then.
    let written = |m: &Measured| {
        let is_told = |spent: &&Spent| spent.written_bytes > 0 || m.produced.is_none();
        m.broker.as_ref().filter(is_told).map(|spent| spent.written_bytes)
    };
    rows.push(row("written to devices", move |m| Some(bytes(written(m)?))));
    rows.push(row("written / acknowledged", move |m| {
        written(m)?;
        Some(number(m.written_per_acknowledged()?))
    }));
    rows
}

fn verified() -> Vec<Row> {
    let unless_none = |count: u64| (count > 0).then(|| counted(count));
    vec![
        row("acknowledged, and all there", move |m| {
            unless_none(m.verified.acknowledged).filter(|_| m.verified.has_grown)
        }),
        row("read in order, right CRC", move |m| unless_none(m.verified.in_order)),
        row("known as sent", move |m| unless_none(m.verified.known)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::two_brokers;

    #[test]
    fn every_round_tells_all_that_was_measured() {
        let mut results = two_brokers();
        let cell = &mut results.cells[0];
        cell.rounds[2].measured.as_mut().unwrap().broker.as_mut().unwrap().written_bytes = 0;
        let mut out = String::new();
        write(&mut out, &results, &results.cells[0]);
        let row = |name: &str| {
            let (_, rest) = out.split_once(&format!("<tr><th scope=\"row\">{name}</th>")).expect(name);
            let cells = rest.split_once("</tr>").unwrap().0.replace(" class=\"first\"", "");
            cells
                .split("<td>")
                .skip(1)
                .map(|cell| cell.replace("</td>", "").trim().to_owned())
                .collect::<Vec<_>>()
        };
        // Three rounds of the first, four of the second: its fourth has no figures.
        assert_eq!(row("MB/s"), ["200", "210", "190", "100", "100", "99.0", "1.00"]);
        assert_eq!(row("p99.99 ms"), ["15.0", "18.0", "15.0", "16.5", "16.5", "16.2", "3.00"]);
        assert_eq!(
            row("written / acknowledged")[..2],
            ["2.00", NOTHING],
            "what the kernel did not say is not 0"
        );
        assert_eq!(row("acknowledged, and all there")[0], "1,000,000");
        assert_eq!(row("user")[0], "0.250");
        assert!(!out.contains(">known as sent<") && !out.contains(">fetched<"), "what nobody has is no row");
    }
}

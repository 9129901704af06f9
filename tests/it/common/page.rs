//! Reading a printed sheet as a person does: what stands where.

/// The text of what stands between two marks of a page.
pub fn between(page: &str, start: &str, end: &str) -> Vec<String> {
    let plain = |html: &str| {
        let mut plain = String::new();
        for part in html.split('<') {
            plain.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        }
        ["&lt;", "&gt;", "&#39;", "&quot;", "&amp;"]
            .iter()
            .zip(["<", ">", "'", "\"", "&"])
            .fold(plain, |text, (from, to)| text.replace(from, to))
    };
    let found = page.split(start).skip(1).map(|rest| rest.split_once(end).expect("it ends").0);
    found.map(|html| plain(&format!("x{html}"))).collect()
}

/// A sheet's rows: label, groups, checksum.
pub fn rows(page: &str) -> Vec<(String, String, String)> {
    let row = |row: &str| {
        let cell = |start| between(row, start, "</t");
        (cell("<th").remove(0), cell("<td").join(" "), cell("<td class=\"sum\"").remove(0))
    };
    let all: Vec<_> = page.split("<tr>").skip(1).map(|rest| row(rest.split_once("</tr>").unwrap().0)).collect();
    all.into_iter()
        .map(|(label, groups, sum)| (label, groups[..groups.len() - sum.len()].trim().to_owned(), sum))
        .collect()
}

/// The lines about who signs, as a person types them.
pub fn anchors(page: &str) -> String {
    let line = |row: &str| {
        let cell = |start| between(row, start, "</t").remove(0);
        format!("{} {} {}\n", cell("<th"), cell("<td"), cell("<td class=\"sum\""))
    };
    page.split("<tr class=\"anchor\">").skip(1).map(|row| line(row.split_once("</tr>").unwrap().0)).collect()
}

//! The only way text gets into a page: elements that close what they open, and text that is escaped.
//!
//! Names of elements and attributes are `&'static str`, so nothing that comes from a scenario can become markup.

use updraft_node::cli::words::clean;

/// A page under construction.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// Attributes of an element with their values, which are escaped.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    /// Everything until now.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// An element with what `inside` puts into it.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with text in it.
    pub(super) fn line(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |markup| markup.text(text));
    }

    /// An element that has no end in HTML, such as `meta`.
    pub(super) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Text: what means something in HTML is escaped, and what would be invisible or reorder other text is shown.
    pub(super) fn text(&mut self, text: &str) {
        for c in clean(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    /// A piece of the program as it is: the type of a document, a style.
    pub(super) fn own(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// A table with a caption; the first cell of a row is its heading.
    pub(super) fn table<const N: usize>(
        &mut self,
        caption: &str,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        // A table that is wider than a narrow screen scrolls by itself; it has to be reached by the keyboard.
        let frame =
            [("class", "wide"), ("tabindex", "0"), ("role", "region"), ("aria-label", caption)];
        self.element("div", &frame, |frame| {
            frame.element("table", &[], |table| {
                table.line("caption", &[], caption);
                table.element("thead", &[], |head| {
                    head.element("tr", &[], |row| {
                        header.iter().for_each(|cell| row.line("th", &[("scope", "col")], cell));
                    });
                });
                table.element("tbody", &[], |body| {
                    for cells in rows {
                        body.element("tr", &[], |row| {
                            for (n, cell) in cells.iter().enumerate() {
                                match n {
                                    0 => row.line("th", &[("scope", "row")], cell),
                                    _ => row.line("td", &[], cell),
                                }
                            }
                        });
                        body.own("\n");
                    }
                });
            });
        });
        self.own("\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_others_cannot_become_markup() {
        let mut page = Markup::default();
        page.line(
            "p",
            &[("title", "\" onload='x' <b>")],
            "</p><script>alert(1)</script>&\u{202e}\u{1b}[1m",
        );
        assert_eq!(
            page.finish(),
            "<p title=\"&quot; onload=&#39;x&#39; &lt;b&gt;\">&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;\
             &amp;\\u{202e}\\u{1b}[1m</p>"
        );
    }

    #[test]
    fn what_is_opened_is_closed() {
        let mut page = Markup::default();
        page.table("c", ["a", "b"], [["1".to_owned(), "2".to_owned()]]);
        let text = page.finish();
        for name in ["div", "table", "caption", "thead", "tbody", "tr", "th", "td"] {
            let (opened, closed) = (format!("<{name}"), format!("</{name}>"));
            let opened = text.matches(&opened).count() - if name == "th" { 1 } else { 0 };
            assert_eq!(opened, text.matches(&closed).count(), "{name}: {text}");
        }
    }
}

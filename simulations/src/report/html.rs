//! One file for people: no script, nothing fetched, the same bytes for the same outcome.

use super::{
    compare::Comparison,
    json,
    markup::Markup,
    sections::{self, spread},
};
use crate::outcome::Outcome;

const STYLE: &str = include_str!("style.css");

/// A run as an HTML document.
///
/// # Errors
/// If the outcome cannot be written as JSON, of which the document names the digest.
pub fn page(outcome: &Outcome) -> Result<String, serde_json::Error> {
    let digest = json::hash(outcome)?;
    let title = format!("{} with seed {}", outcome.scenario, outcome.seed);
    Ok(document(&title, |body| {
        sections::head(body, outcome, &digest);
        sections::broken(body, outcome);
        sections::judged(body, outcome);
        spread::releases(body, outcome);
        sections::groups(body, outcome);
        sections::votes(body, outcome);
        sections::timeline(body, outcome);
        sections::nodes(body, outcome);
    }))
}

/// Two runs side by side as an HTML document.
pub fn comparison(comparison: &Comparison<'_>) -> String {
    let title = format!("{} and {}", comparison.names[0], comparison.names[1]);
    document(&title, |body| sections::compared::all(body, comparison))
}

fn document(title: &str, body: impl FnOnce(&mut Markup)) -> String {
    let mut page = Markup::default();
    page.own("<!doctype html>\n");
    page.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |head| {
            head.open("meta", &[("charset", "utf-8")]);
            // Even if something got past the escaping, it could not run or call anybody.
            let policy = "default-src 'none'; style-src 'unsafe-inline'";
            head.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", policy)]);
            let view = "width=device-width, initial-scale=1";
            head.open("meta", &[("name", "viewport"), ("content", view)]);
            head.line("title", &[], title);
            head.element("style", &[], |style| style.own(STYLE));
        });
        html.own("\n");
        html.element("body", &[], body);
    });
    page.own("\n");
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{compare, sample};

    /// The elements of a page in order, and whether each is closed by its own kind.
    fn is_balanced(page: &str) -> bool {
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let name = tag.split(|c: char| " >\n".contains(c)).next().expect("a part");
            match name.strip_prefix('/') {
                Some(name) if open.pop() != Some(name) => return false,
                Some(_) => {}
                None if ["!doctype", "meta"].contains(&name) => {}
                None => open.push(name),
            }
        }
        open.is_empty()
    }

    #[test]
    fn the_same_outcome_gives_the_same_page() {
        let outcome = sample::outcome();
        let first = page(&outcome).expect("a page");
        assert_eq!(page(&outcome.clone()).expect("a page"), first);
        assert!(is_balanced(&first));
    }

    #[test]
    fn a_page_stands_on_its_own() {
        let page = page(&sample::outcome()).expect("a page");
        for outside in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_page_says_what_a_run_was_and_came_to() {
        let outcome = sample::outcome();
        let page = page(&outcome).expect("a page");
        let digest = json::hash(&outcome).expect("json");
        for part in [
            "One publisher, 120 machines",
            "Seed",
            "8.90 s",
            "1.42 ×",
            "12.6 s",
            "the seeders&#39; lines up",
            "20 Mbit/s",
            "lockedIn",
            "quorum-kept",
            "machines-17",
            digest.as_str(),
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn every_picture_says_in_words_what_it_shows() {
        let page = page(&sample::outcome()).expect("a page");
        let pictures = page.matches("<svg").count();
        assert!(pictures >= 8, "{pictures}");
        for word in ["<title id=", "<desc id=", "role=\"img\"", "<figcaption>"] {
            assert_eq!(page.matches(word).count(), pictures, "{word}");
        }
        let mut ids: Vec<_> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "two pictures have one name");
    }

    #[test]
    fn hostile_names_stay_text() {
        let hostile = sample::hostile();
        for page in
            [page(&hostile).expect("a page"), comparison(&compare(&hostile, &sample::outcome()))]
        {
            for markup in ["<script", "<img", "onerror=\"", "</style><script", "\u{202e}", "\u{1b}"]
            {
                assert!(!page.contains(markup), "{markup:?}");
            }
            assert!(page.contains("&lt;script&gt;"));
            assert!(is_balanced(&page));
        }
    }

    #[test]
    fn a_run_in_which_nothing_happened_has_a_page_too() {
        let empty = page(&sample::empty()).expect("a page");
        assert!(is_balanced(&empty) && !empty.contains("NaN") && !empty.contains("inf"), "{empty}");
        let odd = page(&sample::odd()).expect("a page");
        let body = odd.split("<body").nth(1).expect("a body");
        assert!(is_balanced(&odd) && !body.contains("NaN") && !body.contains("inf "), "{odd}");
    }
}

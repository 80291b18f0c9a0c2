//! A page as a browser would take it apart.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper")]

use roxmltree::{Document, Node, ParsingOptions};
use std::collections::BTreeSet;

/// A page that is well-formed.
pub(crate) struct Page(String);

fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|error| panic!("{error}: {page}"))
}

fn named<'a, 'i>(document: &'a Document<'i>, name: &str) -> Vec<Node<'a, 'i>> {
    document.descendants().filter(|node| node.has_tag_name(name)).collect()
}

fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text).filter_map(|text| text.text());
    texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Page {
    pub(crate) fn parse(page: &str) -> Self {
        parsed(page);
        Self(page.to_owned())
    }

    /// Nothing in it runs, and nothing in it is fetched from anywhere.
    #[track_caller]
    pub(crate) fn stands_alone(&self) {
        let document = parsed(&self.0);
        for node in document.descendants().filter(Node::is_element) {
            let name = node.tag_name().name();
            let active =
                ["script", "link", "img", "iframe", "object", "embed", "base", "use", "image", "a", "form"];
            assert!(!active.contains(&name), "<{name}>");
            for attribute in node.attributes() {
                let (attribute, value) = (attribute.name(), attribute.value());
                assert!(!attribute.starts_with("on"), "{attribute}=\"{value}\"");
                assert!(
                    !["src", "href", "srcset", "style", "action"].contains(&attribute),
                    "{attribute}=\"{value}\""
                );
            }
        }
        for style in named(&document, "style") {
            let style = text(style);
            for fetches in ["url(", "@import", "http:", "https:", "image-set("] {
                assert!(!style.contains(fetches), "{fetches} in {style}");
            }
        }
    }

    /// The figures in a topology's row.
    pub(crate) fn cells_of(&self, topology: &str) -> Vec<String> {
        let document = parsed(&self.0);
        let rows = named(&document, "tr");
        let is_its = |row: &&Node<'_, '_>| {
            row.children().any(|cell| cell.has_tag_name("th") && text(cell) == topology)
        };
        let row = rows.iter().find(is_its).unwrap();
        row.children().filter(|cell| cell.has_tag_name("td")).map(text).collect()
    }

    /// The colours that anything named after the topology has: swatches before its name, bars and lines that tell its name.
    pub(crate) fn colours_of(&self, topology: &str) -> Vec<String> {
        let document = parsed(&self.0);
        let swatches = named(&document, "i")
            .into_iter()
            .filter(|swatch| swatch.next_sibling().is_some_and(|next| text(next) == topology));
        let told = named(&document, "title").into_iter().filter(|title| {
            let title = text(*title);
            title == topology || title.starts_with(&format!("{topology}: "))
        });
        let coloured = swatches.chain(told.filter_map(|title| title.parent()));
        let classes = coloured.filter_map(|node| node.attribute("class"));
        let colours = classes
            .flat_map(str::split_whitespace)
            .filter(|class| class.strip_prefix('k').is_some_and(|place| place.parse::<u8>().is_ok()));
        let colours: BTreeSet<String> = colours.map(str::to_owned).collect();
        colours.into_iter().collect()
    }
}

/// Elements with their classes and own texts, indented; neither places nor the style sheet.
pub(crate) fn outline(page: &str) -> String {
    let document = parsed(page);
    let mut lines = String::new();
    draw(document.root_element(), 0, &mut lines);
    lines
}

fn draw(node: Node<'_, '_>, depth: usize, lines: &mut String) {
    if node.has_tag_name("style") {
        return;
    }
    let class =
        node.attribute("class").map(|class| format!(".{}", class.replace(' ', "."))).unwrap_or_default();
    let own = node.children().filter(Node::is_text).filter_map(|text| text.text()).collect::<String>();
    let own = own.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = format!("{}{}{class} {own}", "  ".repeat(depth), node.tag_name().name());
    lines.push_str(line.trim_end());
    lines.push('\n');
    for child in node.children().filter(Node::is_element) {
        draw(child, depth + 1, lines);
    }
}

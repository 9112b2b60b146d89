//! A document that people read: sections of text, fields, tables and plots, before it is HTML or
//! PDF.

use crate::plot::Plot;

/// Rows and columns of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The names of the columns.
    pub head: Vec<String>,
    /// The rows, each as wide as the head.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|&one| one.to_owned()).collect();
        Self { caption: caption.into(), head, rows: vec![] }
    }
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// What somebody wrote, line by line.
    Quoted(String),
    /// Names with what they are.
    Fields(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A plot, with its table below it.
    Plot(Plot),
}

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is about.
    pub title: String,
    /// What it says.
    pub parts: Vec<Part>,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// What stands under the title, and at the foot of every page of paper.
    pub line: String,
    /// The sections.
    pub sections: Vec<Section>,
}

//! The table of routes and the OpenAPI document say the same.

use std::collections::BTreeMap;

use super::{Finding, Repo};

const ROUTES: &str = "crates/api/routes.txt";
const OPENAPI: &str = "openapi.json";
const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"];

/// A route as both sides can be compared: names of parameters do not count.
type Route = (String, String);

/// Compares both ways, as soon as there is a table.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let Some(table) = repo.text(ROUTES) else { return Vec::new() };
    let routes = routes(table);
    if routes.is_empty() {
        let what = "no line names a method and a path".to_owned();
        return vec![Finding::new("routes", ROUTES, 1, what, "write one route per line")];
    }
    let described = match repo.text(OPENAPI).map(described) {
        Some(Ok(described)) => described,
        Some(Err(error)) => {
            return vec![Finding::new("routes", OPENAPI, 1, error, "run `cargo xtask gen`")];
        }
        None => {
            let what = format!("missing, though `{ROUTES}` is there");
            return vec![Finding::new("routes", OPENAPI, 1, what, "run `cargo xtask gen`")];
        }
    };
    let mut found = Vec::new();
    for ((method, path), line) in &routes {
        if !described.contains(&(method.clone(), path.clone())) {
            let what = format!("`{method} {path}` is not in {OPENAPI}");
            found.push(Finding::new("routes", ROUTES, *line, what, "describe it"));
        }
    }
    for (method, path) in described.iter().filter(|route| !routes.contains_key(*route)) {
        let what = format!("`{method} {path}` is described but is no route of {ROUTES}");
        found.push(Finding::new("routes", OPENAPI, 1, what, "run `cargo xtask gen`"));
    }
    found
}

fn routes(table: &str) -> BTreeMap<Route, usize> {
    let mut routes = BTreeMap::new();
    for (number, line) in table.lines().enumerate() {
        let words = || line.split([' ', '\t', '|', '`']).filter(|word| !word.is_empty());
        let method = words().find(|word| METHODS.contains(word));
        let path = words().find(|word| word.starts_with('/'));
        if let (Some(method), Some(path)) = (method, path) {
            routes.insert((method.to_owned(), plain(path)), number + 1);
        }
    }
    routes
}

fn described(text: &str) -> Result<Vec<Route>, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let paths = document.get("paths").and_then(serde_json::Value::as_object);
    let paths = paths.ok_or("it has no object `paths`")?;
    let mut routes = Vec::new();
    for (path, item) in paths {
        let operations = item.as_object().into_iter().flat_map(serde_json::Map::keys);
        let methods = operations.map(|key| key.to_uppercase());
        let methods = methods.filter(|method| METHODS.contains(&method.as_str()));
        routes.extend(methods.map(|method| (method, plain(path))));
    }
    Ok(routes)
}

/// A path with every `{…}` as `{}`.
fn plain(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '{' => {
                inside = true;
                out.push_str("{}");
            }
            '}' => inside = false,
            _ if !inside => out.push(letter),
            _ => {}
        }
    }
    out
}

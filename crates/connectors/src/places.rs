//! Where networks are, by a table of the operator's: `cidr,place` in CSV.
//!
//! Promises: of several networks that hold an address, the longest prefix counts; IPv4 in IPv6
//! clothes is IPv4. A line that is none is refused with its number: a table that is half read says
//! that people travel who sit still.
//! Deliberately not: data of its own, and distances. A place is a word.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::intake::Refused;
use crate::logs::Record;

/// Most rows; a table of all countries has about 500,000.
pub const MAX_ROWS: usize = 1_000_000;

/// Largest file in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// Longest place in bytes.
pub const MAX_PLACE: usize = 100;

/// A table of networks.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// By length of prefix, IPv4 counted from 96: the network, and where its place is in `names`.
    by_length: BTreeMap<u8, HashMap<u128, u32>>,
    names: Vec<String>,
}

impl Places {
    /// Reads a table. A first line `cidr,place` is its header; lines that begin with `#` are not
    /// read.
    ///
    /// # Errors
    /// At the first row that is none, or that names a network a second time.
    pub fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let refuse = |place: String, problem: &str| {
            Refused::new(place, problem, "write `192.0.2.0/24,Frankfurt`, one network a line")
        };
        if bytes.len() > MAX_BYTES {
            return Err(refuse("the file".to_owned(), "it has more than 64 MiB"));
        }
        let mut table = Self::default();
        let mut known: HashMap<String, u32> = HashMap::new();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(bytes);
        for (number, row) in reader.records().enumerate() {
            let place = || format!("row {}", number + 1);
            let row = row.map_err(|why| refuse(place(), &format!("it is no CSV: {why}")))?;
            let (Some(network), Some(name), None) = (row.get(0), row.get(1), row.get(2)) else {
                return Err(refuse(place(), "it does not have two columns"));
            };
            if number == 0 && network == "cidr" {
                continue;
            }
            if number >= MAX_ROWS {
                return Err(refuse(place(), "the table has more than 1,000,000 rows"));
            }
            let plain = !name.is_empty() && name.len() <= MAX_PLACE;
            if !plain || name.contains(char::is_control) {
                return Err(refuse(place(), "the place is not 1 to 100 bytes on one line"));
            }
            let (prefix, length) = parse(network).map_err(|why| refuse(place(), why))?;
            let next = u32::try_from(table.names.len()).unwrap_or(u32::MAX);
            let index = *known.entry(name.to_owned()).or_insert(next);
            if index == next {
                table.names.push(name.to_owned());
            }
            if table.by_length.entry(length).or_default().insert(prefix, index).is_some() {
                return Err(refuse(place(), "this network was named before"));
            }
        }
        Ok(table)
    }

    /// Where an address is, if the table says.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Option<&str> {
        let bits = bits(address);
        let mut longest_first = self.by_length.iter().rev();
        let found = longest_first.find_map(|(length, all)| all.get(&masked(bits, *length)))?;
        self.names.get(usize::try_from(*found).ok()?).map(String::as_str)
    }

    /// Sets `source.place` by `source.ip`; what a message says of it does not count.
    pub fn mark(&self, record: &mut Record) {
        record.fields.remove("source.place");
        let address = record.text("source.ip").and_then(|text| text.parse().ok());
        if let Some(place) = address.and_then(|address| self.place(address)) {
            record.set("source.place", place);
        }
    }
}

/// An address as 128 bits; IPv4 as it is mapped into IPv6 (RFC 4291 §2.5.5.2).
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn masked(bits: u128, length: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or_default();
    bits & mask
}

/// `192.0.2.0/24`, or an address alone.
fn parse(text: &str) -> Result<(u128, u8), &'static str> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| "it is no IP address")?;
    let (all, from) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    let length = match length {
        Some(length) => length.parse().map_err(|_| "the length of the prefix is no number")?,
        None => all,
    };
    if length > all {
        return Err("the prefix is longer than the address");
    }
    let (bits, length) = (bits(address), from + length);
    if masked(bits, length) != bits {
        return Err("the address has bits behind its prefix");
    }
    Ok((bits, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at<'a>(table: &'a Places, address: &str) -> Option<&'a str> {
        table.place(address.parse().unwrap())
    }

    #[test]
    fn the_longest_prefix_counts() {
        let text = "cidr,place\n# offices\n10.0.0.0/8,inside\n10.1.0.0/16, Bonn \n10.1.2.3,desk\n\
                    2001:db8::/32,lab\n0.0.0.0/0,elsewhere\n";
        let table = Places::read(text.as_bytes()).unwrap();
        for (address, expected) in [
            ("10.9.9.9", Some("inside")),
            ("10.1.9.9", Some("Bonn")),
            ("10.1.2.3", Some("desk")),
            ("::ffff:10.1.2.3", Some("desk")),
            ("192.0.2.1", Some("elsewhere")),
            ("2001:db8:1::1", Some("lab")),
            ("2001:db9::1", None),
        ] {
            assert_eq!(at(&table, address), expected, "{address}");
        }
        let mut record = Record::default();
        record.set("source.place", "home, honestly");
        table.mark(&mut record);
        assert_eq!(record.text("source.place"), None);
        record.set("source.ip", "10.1.2.3");
        table.mark(&mut record);
        assert_eq!(record.text("source.place"), Some("desk"));
    }

    #[test]
    fn what_is_no_row_is_refused_by_its_number() {
        for (row, word) in [
            ("10.0.0.1/8,x", "bits behind"),
            ("10.0.0.0/33,x", "longer"),
            ("10.0.0.0/-1,x", "no number"),
            ("10.0.0/8,x", "no IP"),
            ("10.0.0.0/8,", "1 to 100"),
            ("10.0.0.0/8", "CSV"),
            ("10.0.0.0/8,y\n10.0.0.0/8,x", "before"),
        ] {
            let refused = Places::read(format!("192.0.2.0/24,a\n{row}\n").as_bytes()).unwrap_err();
            assert!(refused.problem.contains(word), "{row}: {refused}");
            assert!(refused.place.starts_with("row "), "{row}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_search_finds(
            rows in proptest::collection::btree_map((0u32..64, 24u8..33), 0u8..5, 0..40),
            asked in 0u32..64,
        ) {
            // Addresses in a few bits, so that networks overlap.
            let spread = |number: u32| number << 3;
            let rows: BTreeMap<(u32, u8), u8> = rows.into_iter().map(|((address, length), name)| {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                ((spread(address) & mask, length), name)
            }).collect();
            let line = |((address, length), name): (&(u32, u8), &u8)| {
                format!("{}/{length},p{name}\n", std::net::Ipv4Addr::from_bits(*address))
            };
            let table = Places::read(rows.iter().map(line).collect::<String>().as_bytes()).unwrap();
            let address = std::net::Ipv4Addr::from_bits(spread(asked));
            let holds = |(network, length): &(u32, u8)| {
                let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
                address.to_bits() & mask == *network
            };
            let longest = rows.iter().filter(|(row, _)| holds(row)).max_by_key(|(row, _)| row.1);
            let expected = longest.map(|(_, name)| format!("p{name}"));
            prop_assert_eq!(table.place(address.into()).map(str::to_owned), expected);
        }
    }
}

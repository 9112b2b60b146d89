//! Tile names, bundles, and proofs out of tiles.

use ledger::tile::{
    MAX_ENTRY, TileError, TileId, TilePath, TileReader, WIDTH, bundles_of, decode_entries,
    decode_hashes, encode_entries, entry_range, parse_path, tiles_of,
};
use ledger::tree::{consistency_proof, inclusion_proof, root_from_nodes, verify_inclusion};
use ledger::tree::{leaf_hash, verify_consistency};

use crate::sample;
use crate::support::Random;

#[test]
fn paths_are_those_of_the_standard() {
    for (path, level, index, width) in [
        ("tile/0/000", 0, 0, 256),
        ("tile/0/x001/067.p/5", 0, 1067, 5),
        ("tile/0/x001/x234/067", 0, 1_234_067, 256),
        ("tile/5/000.p/255", 5, 0, 255),
        ("tile/1/x001/x000/x000/000.p/1", 1, 1_000_000_000, 1),
        ("tile/0/999", 0, 999, 256),
    ] {
        let tile = TileId { level, index, width };
        assert_eq!(tile.path(), path);
        assert_eq!(parse_path(path), Ok(TilePath::Hashes(tile)));
    }
    let bundle = TilePath::Entries { index: 1067, width: 7 };
    assert_eq!(bundle.path(), "tile/entries/x001/067.p/7");
    assert_eq!(parse_path("tile/entries/x001/067.p/7"), Ok(bundle));
    assert_eq!(parse_path("tile/entries/000"), Ok(TilePath::Entries { index: 0, width: 256 }));
}

#[test]
fn a_path_has_one_spelling() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/6/000",
        "tile/64/000",
        "tile/data/000",
        "tile/0/x000/067",
        "tile/0/x001/67",
        "tile/0/001/067",
        "tile/0/x001",
        "tile/0/x001/x067",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000/",
        "/tile/0/000",
        "tile//0/000",
        "tile/0/../000",
        "tile/0/00a",
        "tile/0/０００",
        "tile/0/000\n",
        "TILE/0/000",
        "tile/0/x999/x999/x999/x999/999",
        "tile/entries",
        "tile/entries/",
        "tile/entries/0",
        "tile/entries/000.p/256",
        "tile/0/x001/x000/x000/x000/x000/000",
    ] {
        assert!(parse_path(path).is_err(), "`{path}`");
    }
}

#[test]
fn tiles_of_a_size_are_those_of_the_standard() {
    // The example of the standard: 70,000 entries.
    let mut per_level = [(0, 0); 6];
    for tile in tiles_of(70_000) {
        let (full, partial) = &mut per_level[usize::from(tile.level)];
        if tile.width == WIDTH { *full += 1 } else { *partial = tile.width }
    }
    assert_eq!(per_level, [(273, 112), (1, 17), (0, 1), (0, 0), (0, 0), (0, 0)]);
    let of = |size| tiles_of(size).map(|tile| tile.path()).collect::<Vec<_>>();
    assert_eq!(of(0), Vec::<String>::new());
    assert_eq!(of(1), ["tile/0/000.p/1"]);
    assert_eq!(of(256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(of(257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
    assert_eq!(bundles_of(0).count(), 0);
    assert_eq!(bundles_of(600).collect::<Vec<_>>(), [(0, 256), (1, 256), (2, 88)]);
    assert_eq!(entry_range(2, 88), (512, 600));
}

#[test]
fn bundles_come_back_and_nothing_else_is_one() {
    let mut random = Random(4);
    for count in [0, 1, 2, 255, 256_u16] {
        let entries: Vec<Vec<u8>> = (0..count).map(|_| random.bytes(300)).collect();
        let bundle = encode_entries(&entries).unwrap();
        assert_eq!(decode_entries(&bundle, count).unwrap(), entries);
        assert!(decode_entries(&bundle, count + 1).is_err());
        assert!(decode_entries(&[bundle.as_slice(), &[0]].concat(), count).is_err());
        if count > 0 {
            assert!(decode_entries(&bundle, count - 1).is_err());
            assert!(decode_entries(&bundle[..bundle.len() - 1], count).is_err());
        }
    }
    assert_eq!(encode_entries(&[b"ab", b"c\0"]).unwrap(), b"\0\x02ab\0\x02c\0");
    let longest = encode_entries(&[vec![1; MAX_ENTRY]]).unwrap();
    assert_eq!(decode_entries(&longest, 1).unwrap(), [vec![1; MAX_ENTRY]]);
    let why = encode_entries(&[vec![1; MAX_ENTRY + 1]]).unwrap_err().to_string();
    assert!(why.contains("65536 bytes"), "{why}");
}

#[test]
fn a_tile_of_other_length_is_refused() {
    let tile = TileId { level: 0, index: 0, width: 2 };
    assert_eq!(decode_hashes(&tile, &[7; 64]).unwrap(), [[7; 32]; 2]);
    for length in [0, 32, 63, 65, 96] {
        assert!(decode_hashes(&tile, &vec![0; length]).is_err(), "{length}");
    }
}

#[test]
fn proofs_come_out_of_tiles() {
    for size in [1, 5, 255, 256, 257, 700, 66_000_u64] {
        // Large trees without JSON: what is tested is the arithmetic over three levels.
        let leaves: Vec<_> = (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let mut levels = vec![leaves.clone()];
        while let Some(below) = levels.last().filter(|level| level.len() >= 256) {
            let (full, _) = below.as_chunks::<256>();
            levels.push(full.iter().map(|tile| ledger::tile::subtree_root(tile)).collect());
        }
        let mut fetched = Vec::new();
        let mut reader = TileReader::new(size, |tile: &TileId| {
            fetched.push(*tile);
            let (first, end) = entry_range(tile.index, tile.width);
            let level = levels.get(usize::from(tile.level)).ok_or("no such level")?;
            let hashes = level.get(first as usize..end as usize).ok_or("no such tile")?;
            Ok::<_, &str>(hashes.concat())
        });
        let root = root_from_nodes(size, &mut |l, i| reader.node(l, i)).unwrap();
        for index in [0, size / 3, size / 2, size.saturating_sub(2), size - 1] {
            let proof = inclusion_proof(index, size, &mut |l, i| reader.node(l, i)).unwrap();
            verify_inclusion(&leaves[index as usize], index, size, &proof, &root).unwrap();
            let old = index + 1;
            let old_root = root_from_nodes(old, &mut |l, i| reader.node(l, i)).unwrap();
            let proof = consistency_proof(old, size, &mut |l, i| reader.node(l, i)).unwrap();
            verify_consistency(old, size, &old_root, &root, &proof).unwrap();
        }
        assert!(matches!(reader.node(0, size), Err(TileError::Malformed(_))));
        assert!(matches!(reader.node(63, 1), Err(TileError::Malformed(_))));
        let expected: Vec<_> = tiles_of(size).collect();
        let count = fetched.len();
        fetched.sort_unstable();
        fetched.dedup();
        assert_eq!(fetched.len(), count, "a tile was fetched twice");
        assert!(fetched.iter().all(|tile| expected.contains(tile)));
    }
}

#[test]
fn a_tile_that_cannot_be_fetched_or_is_short_is_an_error() {
    let mut missing = TileReader::new(9, |tile: &TileId| Err::<Vec<u8>, _>(tile.path()));
    assert_eq!(missing.node(0, 3), Err(TileError::Fetch("tile/0/000.p/9".to_owned())));
    let mut short = TileReader::new(9, |_: &TileId| Ok::<_, String>(vec![0; 32 * 8]));
    assert!(matches!(short.node(0, 3), Err(TileError::Malformed(_))));
}

#[test]
fn the_sample_log_has_exactly_the_files_of_its_size() {
    let log = sample::make(600).unwrap();
    let mut expected: Vec<_> = tiles_of(600).map(|tile| tile.path()).collect();
    expected
        .extend(bundles_of(600).map(|(index, width)| TilePath::Entries { index, width }.path()));
    expected.sort_unstable();
    let found: Vec<_> = log.files.keys().filter(|path| path.starts_with("tile/")).collect();
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

"""Checks a Bailee log folder with PyPI's tlog-scales and sigstore, which know nothing of Bailee.

    BAILEE_TOOLS=target/tools target/tools/venv/bin/python verify.py FOLDER

tlog-scales: signature of the head and of every receipt's checkpoint, inclusion of every receipt,
every entry against its tile, root and proofs made anew from the tiles, consistency of two heads.
sigstore: signature of every checkpoint and inclusion of every receipt.
Exit code 0 only if all of it holds. Not checked, since neither can: openings, what a leaf says.
"""

import base64
import json
import sys
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring
from sigstore_models.common import v1 as common_v1
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, ConsistencyProof, InclusionProof
from tlog_scales.utils import sha256


def strict_b64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError(f"not canonical base64: {text!r}")
    return data


def read_proof(text: str) -> tuple[int, list[bytes], str]:
    """The text format is simple enough to read here; the checks themselves are the packages'."""
    head, _, checkpoint = text.partition("\n\n")
    header, index, *hashes = head.split("\n")
    if header != "c2sp.org/tlog-proof@v1" or not index.startswith("index "):
        raise ValueError("not a tlog-proof")
    return int(index[6:]), [strict_b64(line) for line in hashes], checkpoint


def keyring(vkey: Vkey) -> Keyring:
    key = Ed25519PublicKey.from_public_bytes(vkey.pubkey)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Keyring(
        [
            common_v1.PublicKey(
                raw_bytes=base64.b64encode(der),
                key_details=common_v1.PublicKeyDetails.PKIX_ED25519,
            )
        ]
    )


def check_receipt(receipt: dict, vkey: Vkey, ring: Keyring) -> tuple[int, Checkpoint, list[bytes]]:
    index, hashes, note = read_proof(receipt["proof"])
    leaf = strict_b64(receipt["leaf"])

    head = Checkpoint.from_text(note)
    head.verify(vkey)
    if head.origin != vkey.name:
        raise ValueError("checkpoint of another log")
    InclusionProof(index, head.size, hashes).check(leaf_hash(leaf), head.root_hash)

    entry = SimpleNamespace(
        _inner=SimpleNamespace(
            canonicalized_body=leaf,
            log_id=SimpleNamespace(key_id=vkey.key_id.to_bytes(4, "big")),
            inclusion_proof=SimpleNamespace(
                log_index=index,
                tree_size=head.size,
                root_hash=head.root_hash,
                hashes=hashes,
                checkpoint=SimpleNamespace(envelope=note),
            ),
        )
    )
    verify_checkpoint(ring, entry)
    verify_merkle_inclusion(entry)
    return index, head, hashes


def check_tiles(reader: TilesReader, head: Checkpoint) -> None:
    for index in range(head.size):
        stored = reader._get_from_tile(0, index // 256, index % 256)
        if leaf_hash(reader.get_entry(index)) != stored:
            raise ValueError(f"entry {index} is not the one of its tile")
    for tile in range(head.size // 256):
        # Reading the tile above compares nothing by itself: hash this one and compare.
        hashes = [reader._get_from_tile(0, tile, i) for i in range(256)]
        while len(hashes) > 1:
            pairs = zip(hashes[::2], hashes[1::2])
            hashes = [sha256(b"\x01" + left + right) for left, right in pairs]
        if hashes[0] != reader._get_from_tile(1, tile // 256, tile % 256):
            raise ValueError(f"tile {tile} is not the one the level above has")
    if reader.calculate_root_hash() != head.root_hash:
        raise ValueError("the root is not that of the tiles")


def check_consistency(document: dict, reader: TilesReader, head: Checkpoint) -> None:
    old, new = document["from"], document["to"]
    roots = []
    for size, name in ((old, "from_root"), (new, "to_root")):
        reader.set_size(size)
        root = reader.calculate_root_hash() if size <= head.size else None
        reader.set_size(head.size)
        stated = strict_b64(document[name]) if name in document else root
        if stated is None or (root is not None and stated != root):
            raise ValueError(f"{name} is not that of the tiles")
        roots.append(stated)
    proof = [strict_b64(item) for item in document["proof"]]
    ConsistencyProof(old, new, proof).check(*roots)
    if new <= head.size and reader.get_consistency_proof(old, new).node_hashes != proof:
        raise ValueError("the consistency proof is not the one of the tiles")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: verify.py FOLDER")
    folder = Path(sys.argv[1])
    vkey = Vkey.from_string((folder / "vkey").read_text().strip())
    if vkey.key_id != Vkey(vkey.name, None, vkey.sig_type, vkey.pubkey).key_id:
        raise ValueError("vkey has a wrong hash")
    ring = keyring(vkey)

    reader = TilesReader(LocalBackend(folder))
    head = reader.get_checkpoint()
    head.verify(vkey)
    if head.origin != vkey.name:
        raise ValueError("checkpoint of another log")
    check_tiles(reader, head)

    receipts = sorted((folder / "receipts").glob("*.json"))
    if not receipts:
        raise ValueError("no receipts to check")
    for path in receipts:
        receipt = json.loads(path.read_text())
        index, signed, hashes = check_receipt(receipt, vkey, ring)
        if signed.size <= head.size:
            made = reader.get_inclusion_proof(index, signed.size)
            if made.node_hashes != hashes:
                raise ValueError(f"{path.name}: the proof is not the one of the tiles")
    consistency = folder / "consistency.json"
    if consistency.exists():
        check_consistency(json.loads(consistency.read_text()), reader, head)
    print(f"tlog-scales, sigstore: head of {head.size} entries and {len(receipts)} receipts hold")


if __name__ == "__main__":
    main()

"""Tables of ``store.sqlite``.

Big rows are written in the order of arrival; what has to be found by a random key (an id) sits in one small index.
Every id that is ever mentioned gets a number in order of first mention, so an asset, its addresses and its
relationships have neighbouring numbers, and edges stay close together in both directions.
"""

from __future__ import annotations

from isthmus_hub._sqlite import FileKind

COUNTERS = ("connections", "bytes_out", "bytes_in", "packets_out", "packets_in", "late", "overflow")

PROVENANCE_SUM = "object + source + modified + observed + first_observed + last_observed + first_offset + capped"
IDENT_SUM = "type + ifnull(created, 0)"
"""What ``seal`` holds, so that `_check` can see a flipped bit in numbers that nothing else can be compared with."""

KIND = FileKind(
    name="store",
    application_id=0x49534D53,  # "ISMS"
    migrations=(
        f"""
        CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE word (no INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
        CREATE TABLE source (no INTEGER PRIMARY KEY, instance TEXT NOT NULL, stream TEXT NOT NULL,
            source_id TEXT NOT NULL, UNIQUE (instance, stream, source_id));
        CREATE TABLE dictionary (no INTEGER PRIMARY KEY, content BLOB NOT NULL);

        -- type, created and links are set once the object itself has been seen; until then an id is only mentioned
        CREATE TABLE ident (no INTEGER PRIMARY KEY, key INTEGER NOT NULL, id TEXT NOT NULL,
            type INTEGER, created INTEGER, links INTEGER);
        CREATE INDEX ident_key ON ident (key);
        CREATE INDEX ident_type ON ident (type) WHERE type IS NOT NULL;

        CREATE TABLE object (no INTEGER PRIMARY KEY, dictionary INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE TABLE provenance (object INTEGER NOT NULL, source INTEGER NOT NULL, modified INTEGER NOT NULL,
            observed INTEGER NOT NULL, hash BLOB NOT NULL, first_observed INTEGER NOT NULL,
            last_observed INTEGER NOT NULL, first_offset INTEGER NOT NULL, markings TEXT NOT NULL,
            capped INTEGER NOT NULL, PRIMARY KEY (object, source)) WITHOUT ROWID;
        -- what each source said, where an object has several: whichever of them is believed, its words are there
        CREATE TABLE statement (object INTEGER NOT NULL, source INTEGER NOT NULL, dictionary INTEGER NOT NULL,
            body BLOB NOT NULL, PRIMARY KEY (object, source)) WITHOUT ROWID;
        CREATE TABLE edge (a INTEGER NOT NULL, inward INTEGER NOT NULL, kind INTEGER NOT NULL, b INTEGER NOT NULL,
            via INTEGER NOT NULL, PRIMARY KEY (a, inward, kind, b, via)) WITHOUT ROWID;
        CREATE TABLE value (kind INTEGER NOT NULL, value TEXT NOT NULL, object INTEGER NOT NULL,
            PRIMARY KEY (kind, value, object)) WITHOUT ROWID;

        CREATE TABLE resolved (no INTEGER PRIMARY KEY, type INTEGER NOT NULL, created INTEGER,
            modified INTEGER NOT NULL, revoked INTEGER NOT NULL, hash BLOB NOT NULL, dictionary INTEGER NOT NULL,
            body BLOB NOT NULL);
        CREATE INDEX resolved_type ON resolved (type);
        CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, entries INTEGER NOT NULL, body BLOB NOT NULL);

        CREATE TABLE assignment (observed INTEGER PRIMARY KEY, asset INTEGER NOT NULL);
        CREATE INDEX assignment_asset ON assignment (asset);
        CREATE TABLE alias (retired INTEGER PRIMARY KEY, survivor INTEGER NOT NULL);
        CREATE INDEX alias_survivor ON alias (survivor);

        CREATE TABLE communication (edge INTEGER NOT NULL, start INTEGER NOT NULL, seconds INTEGER NOT NULL,
            part TEXT NOT NULL, {", ".join(f"{name} INTEGER NOT NULL" for name in COUNTERS)},
            PRIMARY KEY (edge, start, seconds, part)) WITHOUT ROWID;
        CREATE TABLE position (stream TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE rejected (offset INTEGER NOT NULL, entry INTEGER NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL,
            PRIMARY KEY (offset, entry)) WITHOUT ROWID;
        """,
        """
        -- the exact words of a statement as eight bytes, where its source is the only one and nothing was capped
        ALTER TABLE provenance ADD COLUMN said BLOB NOT NULL DEFAULT x'';
        CREATE TABLE former (no INTEGER PRIMARY KEY, object INTEGER NOT NULL, source INTEGER NOT NULL,
            modified INTEGER NOT NULL, observed INTEGER NOT NULL, until INTEGER NOT NULL, dictionary INTEGER NOT NULL,
            body BLOB NOT NULL);
        CREATE INDEX former_object ON former (object, until);
        """,
        f"""
        ALTER TABLE provenance ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
        UPDATE provenance SET seal = {PROVENANCE_SUM};
        ALTER TABLE ident ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
        UPDATE ident SET seal = {IDENT_SUM} WHERE type NOTNULL;
        -- what a check found broken, as it was found
        CREATE TABLE damaged (no INTEGER PRIMARY KEY, side TEXT NOT NULL, object INTEGER NOT NULL,
            dictionary INTEGER NOT NULL, body BLOB NOT NULL);
        """,  # noqa: S608 - the sums above
        """
        -- the newest mark of each inventory that is told as complete snapshots; gone: pairs of object key and time
        CREATE TABLE snapshot (source INTEGER PRIMARY KEY, observed INTEGER NOT NULL, serial INTEGER NOT NULL,
            digest BLOB NOT NULL, gone BLOB NOT NULL, body BLOB NOT NULL);
        CREATE TABLE absence (object INTEGER NOT NULL, source INTEGER NOT NULL, since INTEGER NOT NULL,
            PRIMARY KEY (object, source)) WITHOUT ROWID;
        """,
        """
        -- on the bus: what keeps its order among parallel consumers; empty: everything
        ALTER TABLE outbox ADD COLUMN key TEXT NOT NULL DEFAULT '';
        """,
        """
        -- what people decided about devices; see `_decision`
        CREATE TABLE decision (id TEXT PRIMARY KEY, number INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
        """,
    ),
)

"""The register checks itself: each invariant of the design as a query that must find nothing.

The database's guards refuse to break these; the audit looks at what is there, so a guard that was
dropped, bypassed or wrong is found out. The chaos test and staff run it. Rows are seen as far as the
caller's scope reaches, so only staff and the system get an answer worth having.
"""

from collections import Counter
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.register import entry

FACT_TABLES: Final = (
    "title_lots",
    "title_events",
    "title_holdings",
    "title_declarations",
    "title_spends",
    "title_deals",
    "title_reservations",
    "title_reservation_extensions",
    "title_reservation_ends",
    "title_holds",
    "title_hold_ends",
)

# Each query names the subjects that break the invariant: (invariant, what is wrong, query).
CHECKS: Final = (
    (
        "I1",
        "a holding is spent more than once",
        "SELECT holding_id FROM title_spends GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "I2",
        "the children of a spent holding do not tile it",
        """SELECT p.id FROM title_spends s JOIN title_holdings p ON p.id = s.holding_id
             LEFT JOIN title_holdings c ON c.parent_id = p.id AND c.lot_id = p.lot_id
            GROUP BY p.id HAVING range_agg(c.units) IS DISTINCT FROM int4multirange(p.units)
               OR sum(upper(c.units) - lower(c.units)) <> upper(p.units) - lower(p.units)""",
    ),
    (
        "I3",
        "an unspent holding has children",
        """SELECT c.parent_id FROM title_holdings c WHERE c.parent_id IS NOT NULL AND NOT EXISTS (
             SELECT FROM title_spends s WHERE s.holding_id = c.parent_id AND s.event_id = c.created_by)""",
    ),
    (
        "I4",
        "a lot has not one genesis equal to all its units",
        """SELECT l.id FROM title_lots l
             LEFT JOIN title_holdings h ON h.lot_id = l.id AND h.parent_id IS NULL
            GROUP BY l.id HAVING array_agg(h.units) IS DISTINCT FROM ARRAY[int4range(0, l.units)]""",
    ),
    (
        "I5",
        "the live register differs from the holdings without a spend",
        """SELECT coalesce(l.holding_id, h.id) FROM title_live l FULL JOIN (
             SELECT * FROM title_holdings x WHERE NOT EXISTS (
               SELECT FROM title_spends s WHERE s.holding_id = x.id)) h
               ON h.id = l.holding_id AND h.lot_id = l.lot_id AND h.units = l.units
              AND h.kind = l.kind AND h.party_id IS NOT DISTINCT FROM l.party_id
            WHERE l.holding_id IS NULL OR h.id IS NULL""",
    ),
    (
        "I6",
        "the live holdings of a lot do not tile it",
        """SELECT l.id FROM title_lots l LEFT JOIN title_live v ON v.lot_id = l.id
            GROUP BY l.id HAVING range_agg(v.units) IS DISTINCT FROM int4multirange(int4range(0, l.units))
               OR sum(upper(v.units) - lower(v.units)) <> l.units""",
    ),
    (
        "I7",
        "an entry is not the hash of its body, or stands twice",
        r"""SELECT id FROM title_events GROUP BY id HAVING count(*) > 1
             OR bool_or(leaf_hash <> sha256('\x00'::bytea || body))
            UNION ALL SELECT min(id::text)::uuid FROM title_events
             GROUP BY leaf_hash HAVING count(*) > 1""",
    ),
    (
        "I7",
        "an entry differs from the rows it made",
        """SELECT e.id FROM title_events e, LATERAL (SELECT convert_from(e.body, 'UTF8')::jsonb AS body) b
             LEFT JOIN LATERAL (
               SELECT jsonb_agg(jsonb_build_array(lower(h.units), upper(h.units), h.kind)
                                ORDER BY h.out_no) AS made
                 FROM title_holdings h WHERE h.created_by = e.id) m ON true
             LEFT JOIN LATERAL (
               SELECT jsonb_agg(jsonb_build_array(o.value->'u'->0, o.value->'u'->1,
                                coalesce(o.value->>'k', 't')) ORDER BY o.ordinality) AS said
                 FROM jsonb_array_elements(b.body->'out') WITH ORDINALITY o) s ON true
            WHERE b.body->>'id' <> e.id::text OR b.body->>'lot' <> e.lot_id::text
               OR b.body->>'type' <> e.kind OR m.made IS DISTINCT FROM s.said""",
    ),
    (
        "I8",
        "an entry moves more or less than its type says",
        """SELECT e.id FROM title_events e,
                  LATERAL (SELECT count(*) AS n FROM title_spends s WHERE s.event_id = e.id) s,
                  LATERAL (SELECT count(*) AS n FROM title_holdings h WHERE h.created_by = e.id) h
            WHERE CASE WHEN e.kind IN ('transfer', 'retired', 'reversal') THEN s.n <> 1 OR h.n = 0
                       WHEN e.kind = 'lot.opened' THEN s.n <> 0 OR h.n <> 1
                       ELSE s.n <> 0 OR h.n <> 0 END""",
    ),
    (
        "I9",
        "retired units were spent",
        """SELECT h.id FROM title_holdings h JOIN title_spends s ON s.holding_id = h.id
            WHERE h.kind = 'r'""",
    ),
    (
        "I10",
        "units were transferred without an earlier declaration of their holder",
        """SELECT c.id FROM title_spends s
             JOIN title_events e ON e.id = s.event_id AND e.kind = 'transfer'
             JOIN title_holdings p ON p.id = s.holding_id
             JOIN title_holdings c ON c.parent_id = p.id AND c.party_id IS DISTINCT FROM p.party_id
             LEFT JOIN title_declarations d ON d.event_id = s.declaration_id
              AND d.units @> c.units AND d.party_id = p.party_id AND d.origin_id = p.origin_id
             LEFT JOIN title_outbox o ON o.event_id = d.event_id
             LEFT JOIN title_outbox t ON t.event_id = e.id
            WHERE d.event_id IS NULL OR o.seq > t.seq""",
    ),
    (
        "I11",
        "held units changed their owner",
        """SELECT c.id FROM title_holdings c
             JOIN title_holdings p ON p.id = c.parent_id AND c.party_id IS DISTINCT FROM p.party_id
             JOIN title_events e ON e.id = c.created_by
             JOIN title_holds h ON h.lot_id = c.lot_id AND h.units && c.units
             LEFT JOIN title_hold_ends n ON n.hold_id = h.id
            WHERE h.placed_at < e.recorded_at
              AND coalesce(n.lifted_at, 'infinity') > e.recorded_at""",
    ),
    (
        "I12",
        "active reservations overlap, or are neither active nor ended, or both",
        """SELECT a.reservation_id FROM title_active_reservations a
             JOIN title_active_reservations b ON b.lot_id = a.lot_id AND b.units && a.units
              AND b.reservation_id <> a.reservation_id
            UNION ALL
           SELECT r.id FROM title_reservations r
             LEFT JOIN title_active_reservations a ON a.reservation_id = r.id
              AND a.lot_id = r.lot_id AND a.units = r.units
             LEFT JOIN title_reservation_ends n ON n.reservation_id = r.id
            WHERE (a.reservation_id IS NULL) = (n.reservation_id IS NULL)""",
    ),
    (
        "I12",
        "a reservation ended twice",
        "SELECT reservation_id FROM title_reservation_ends GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "I12",
        "an active reservation lies in no title holding of its holder",
        """SELECT r.id FROM title_active_reservations a
             JOIN title_reservations r ON r.id = a.reservation_id
            WHERE NOT EXISTS (
              SELECT FROM title_live l WHERE l.lot_id = r.lot_id AND l.units @> r.units
                 AND l.kind = 't' AND l.party_id = r.holder_id)""",
    ),
    (
        "I12",
        "a reservation was posted after its end, or beyond its units",
        """SELECT r.id FROM title_reservations r
             JOIN title_reservation_ends n ON n.reservation_id = r.id AND n.outcome = 'posted'
             LEFT JOIN title_holdings h ON h.created_by = n.event_id AND h.units <@ r.units
            WHERE h.id IS NULL OR n.ended_at >= greatest(r.expires_at, (
                    SELECT max(x.expires_at) FROM title_reservation_extensions x
                     WHERE x.reservation_id = r.id))""",
    ),
    (
        "I13",
        "units reserved for one buyer moved to another",
        """SELECT c.id FROM title_holdings c
             JOIN title_holdings p ON p.id = c.parent_id AND c.party_id IS DISTINCT FROM p.party_id
             JOIN title_events e ON e.id = c.created_by
             JOIN title_reservations r ON r.lot_id = c.lot_id AND r.units && c.units
              AND r.reserved_at < e.recorded_at
             LEFT JOIN title_reservation_ends n ON n.reservation_id = r.id
             LEFT JOIN title_holdings b ON b.created_by = n.event_id AND b.party_id = r.buyer_id
            WHERE e.recorded_at < least(coalesce(n.ended_at, 'infinity'), greatest(r.expires_at, (
                    SELECT max(x.expires_at) FROM title_reservation_extensions x
                     WHERE x.reservation_id = r.id)))
              AND c.id IS DISTINCT FROM b.id AND c.id IS DISTINCT FROM b.parent_id""",
    ),
    (
        "I14",
        "a deal is posted in part",
        """SELECT d.id FROM title_deals d LEFT JOIN title_reservation_ends n ON n.deal_id = d.id
            GROUP BY d.id HAVING count(n.reservation_id) <> d.lines""",
    ),
    (
        "I15",
        "two groups of reservations share an id",
        """SELECT group_id FROM title_reservations GROUP BY group_id
            HAVING count(DISTINCT (buyer_id)) > 1""",
    ),
    (
        "I17",
        "an entry does not wait for the log exactly once",
        """SELECT e.id FROM title_events e
             LEFT JOIN title_outbox o ON o.event_id = e.id AND o.leaf_hash = e.leaf_hash
            GROUP BY e.id HAVING count(o.seq) <> 1""",
    ),
)

_GUARDED: Final = text(
    """SELECT c.relname FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
        WHERE t.tgname = 'facts_only_grow' AND t.tgenabled IN ('O', 'A')"""
)
_ENTRIES: Final = text("SELECT id, body FROM title_events")
_DISCLOSURES: Final = text("SELECT event_id, field, salt, value FROM title_disclosures")


class Violation(msgspec.Struct, frozen=True):
    """A broken invariant: its number in the design, what is wrong, and with which row."""

    invariant: str
    problem: str
    subject: str


async def check(connection: AsyncConnection) -> tuple[Violation, ...]:
    """Run every check; an empty answer means the register is whole."""
    found: list[Violation] = []
    for invariant, problem, query in CHECKS:
        rows = await connection.execute(text(query))
        found += [Violation(invariant, problem, str(subject)) for (subject,) in rows]
    guarded = {name for (name,) in await connection.execute(_GUARDED)}
    found += [
        Violation("I16", "facts of this table can be changed", table)
        for table in FACT_TABLES
        if table not in guarded
    ]
    return (*found, *await _check_bodies(connection))


async def _check_bodies(connection: AsyncConnection) -> list[Violation]:
    found: list[Violation] = []
    committed: dict[tuple[str, str], str] = {}
    for event_id, body in await connection.execute(_ENTRIES):
        try:
            decoded = entry.decode(body)
        except entry.NotCanonicalError as error:
            found.append(Violation("I7", f"a body is not canonical: {error}", str(event_id)))
            continue
        for field, digest in entry.commitments(decoded).items():
            committed[str(event_id), field] = digest
    salts: Counter[bytes] = Counter()
    for event_id, field, salt, value in await connection.execute(_DISCLOSURES):
        salts[salt] += 1
        opened = entry.Disclosure(field, salt, value).digest()
        if committed.get((str(event_id), field)) != opened:
            found.append(Violation("I7", f"disclosure {field} opens nothing", str(event_id)))
    found += [
        Violation("I7", "a salt is used twice", salt.hex())
        for salt, uses in salts.items()
        if uses > 1
    ]
    return found

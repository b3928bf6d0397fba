"""What is asked of the GraphQL endpoint. Names are the appliance's (docs.tenable.com/OT-security/api, and pyTenable).

Only fields that a mapping uses are asked for. Filters take a plain value with an ordering operator and a list with the
others: the appliance refuses it the other way round.
"""

from __future__ import annotations

from typing import Any

ASSETS = """
query assets($first: Int, $after: String, $sort: [AssetSortParams!]!) {
  assets(first: $first, after: $after, sort: $sort) {
    pageInfo { endCursor hasNextPage }
    nodes {
      id name type superType category vendor model family firmwareVersion serial os osDetails { name version }
      purdueLevel criticality hidden description location slot backplane { id name }
      ips { nodes } macs { nodes } directIps { nodes } directMacs { nodes }
      segments { nodes { id name vlan } }
      risk { totalRisk } runStatus firstSeen lastSeen
    }
  }
}
"""
_INTERFACE = """{
        id mac firstSeen lastSeen directAsset { id }
        ipTrail { nodes { ip startTime endTime isActive } }
      }"""
EVENTS = f"""
query events($first: Int, $after: String, $sort: [EventsSortParams!]!, $filter: EventsExpressionsParams) {{
  events(first: $first, after: $after, sort: $sort, filter: $filter) {{
    pageInfo {{ endCursor hasNextPage }}
    nodes {{
      id time type category severity comment resolved resolvedTs logId
      eventType {{ type group description }}
      policy {{ id title }}
      srcIP dstIP srcMac dstMac protocol protocolNiceName port
      srcAssets {{ nodes {{ id }} }} dstAssets {{ nodes {{ id }} }}
      srcNames {{ nodes }} dstNames {{ nodes }}
      srcInterface {_INTERFACE}
      dstInterface {_INTERFACE}
    }}
  }}
}}
"""
LINKS = """
query links($first: Int, $after: String, $sort: [LinkSortParams!]!, $filter: LinkExpressionsParams) {
  links(first: $first, after: $after, sort: $sort, filter: $filter) {
    pageInfo { endCursor hasNextPage }
    nodes { id asset1 asset2 firstConv lastConv protocols { nodes { name } } }
  }
}
"""


def one(collection: str) -> str:
    """A query for the id of one row."""
    return f"query probe {{ {collection}(first: 1) {{ nodes {{ id }} }} }}"


def by(field: str) -> list[dict[str, str]]:
    """Sorted by a field, smallest first."""
    return [{"field": field, "direction": "AscNullLast"}]


def since(field: str, time: str | None) -> dict[str, Any] | None:
    """Rows whose ``field`` is at ``time`` or later; ``None``: all."""
    return None if time is None else {"field": field, "op": "GreaterEqual", "values": time}


def both(*expressions: dict[str, Any]) -> dict[str, Any]:
    """Rows that fulfil all of the expressions."""
    return {"op": "And", "expressions": list(expressions)}


def is_true(field: str) -> dict[str, Any]:
    """Rows whose ``field`` is true."""
    return {"field": field, "op": "Equal", "values": [True]}

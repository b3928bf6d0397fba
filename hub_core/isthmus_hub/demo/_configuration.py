"""The demonstration's configuration file, as an operator would have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isthmus_hub.demo._plant import CELL_SUBNET, DEFENDER, NOZOMI, OKTA, SERVICENOW, TENABLE

CELLS = (1, 2)


def configuration(ports: Mapping[str, int], *, tenant: str, client: str, sensors: Sequence[str]) -> str:
    """``isthmus.toml`` for simulators on these ports of this machine. ``sensors`` are Zeek's."""
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    return f"""# A simulated site: office network, DMZ, operations, two production cells that reuse one subnet.
[hub]
name = "north-works"
primary = "soc"

[vault]
key_file = "vault.key"
{"".join(map(_cell_scopes, CELLS))}{_SCOPES}{_ZONES}{"".join(map(_cell_zone, CELLS))}{_CONDUITS}
[connector.guardian]            # OT network detection
use = "nozomi-guardian"
source_id = "guardian-north"
every = "5m"
tlp = "amber"
settings = {{ base_url = "{at[NOZOMI]}", username = "hub" }}
secrets = {{ password = "vault:guardian/password" }}

[connector.defender]            # endpoint detection
use = "microsoft-defender"
source_id = "tenant-north"
every = "5m"
tlp = "green"
settings = {{ tenant_id = "{tenant}", client_id = "{client}", base_url = "{at[DEFENDER]}", login_url = "{at[DEFENDER]}" }}
secrets = {{ client_secret = "vault:defender/client_secret" }}

[connector.scanner]             # vulnerability scanner
use = "tenable-vm"
source_id = "tenable-north"
every = "1h"
tlp = "green"
settings = {{ base_url = "{at[TENABLE]}" }}
secrets = {{ access_key = "vault:scanner/access_key", secret_key = "vault:scanner/secret_key" }}

[connector.cmdb]                # what the organisation believes that it has
use = "servicenow-cmdb"
source_id = "cmdb-north"
every = "1h"
tlp = "green"
settings = {{ base_url = "{at[SERVICENOW]}", username = "isthmus" }}
secrets = {{ password = "vault:cmdb/password" }}

[connector.identity]            # accounts, groups, sign-ins
use = "okta"
source_id = "okta-north"
every = "5m"
tlp = "amber"
settings = {{ base_url = "{at[OKTA]}" }}
secrets = {{ token = "vault:identity/token" }}
{"".join(map(_zeek, sensors))}
[platform.soc]                  # the primary: Defender is also its own sensor
use = "file"
max_tlp = "amber"
covers_by = "defender"
settings = {{ directory = "delivered/soc" }}

[platform.community]            # a sharing circle: nothing above TLP:GREEN may leave
use = "file"
max_tlp = "green"
settings = {{ directory = "delivered/community" }}
"""


_SCOPES = """
[[scope]]
name = "north/office"
when = { subnet = "10.1.0.0/16" }

[[scope]]
name = "north/dmz"
when = { subnet = "10.50.0.0/24" }

[[scope]]
name = "north/operations"
when = { subnet = "10.20.0.0/24" }
"""
_ZONES = """
[[zone]]
name = "Office"
level = "4"
owner = "it"
when = { subnet = "10.1.0.0/16" }

[[zone]]
name = "DMZ"
level = "3.5"
owner = "it"
when = { subnet = "10.50.0.0/24" }

[[zone]]
name = "Operations"
level = "3"
owner = "ot"
when = { subnet = "10.20.0.0/24" }
"""
_CONDUITS = """
[[conduit]]
from = "Office"
to = "DMZ"

[[conduit]]
from = "DMZ"
to = "Operations"

[[conduit]]
from = "Operations"
to = "Cell 1"

[[conduit]]
from = "Operations"
to = "Cell 2"
"""


def _cell_scopes(number: int) -> str:
    return f"""
[[scope]]                       # both cells use {CELL_SUBNET}.0/24: the sensor tells whose address it is
name = "north/cell-{number}"
when = {{ zone = "Cell {number}" }}

[[scope]]
name = "north/cell-{number}"
when = {{ instance = "zeek-cell-{number}", subnet = "{CELL_SUBNET}.0/24" }}
"""


def _cell_zone(number: int) -> str:
    return f"""
[[zone]]
name = "Cell {number}"
level = "1"
owner = "ot"
when = {{ scope = "north/cell-{number}" }}
"""


def _zeek(sensor: str) -> str:
    return f"""
[connector.{sensor}]
use = "zeek"
source_id = "{sensor}"
settings = {{ sensor = "{sensor}" }}
files = {{ conn = "logs/{sensor}/conn*.log*", modbus = "logs/{sensor}/modbus*.log*" }}
"""

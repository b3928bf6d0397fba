"""The dictionary that every store begins with: pieces of JSON that nearly every object contains.

Frequent pieces come last: zstd reaches the end of a dictionary with the shortest references. Files carry the dictionary
they were written with, so a change here concerns new files only.
"""

from __future__ import annotations

from isthmus_sdk import stix

_FACTS = (
    '"asset_class":"plc","connector":"","criticality":50,"firmware":"V2.8.1","first_seen":"2024-01-01T00:00:00.000Z",'
    '"hostname":"","identifiers":[{"kind":"agent_id","value":"',
    '"interfaces":[{"ip_refs":["ipv4-addr--"],"ips":["10.0.0.1","192.168.1.10"],"mac":"00:1b:1b:00:00:01",'
    '"mac_ref":"mac-addr--","scope":"default","vlan":10}],"kind":"asset","last_seen":"2024-01-01T00:00:00.000Z",'
    '"level_source":"vendor","model":"SIMATIC S7-1500","native_id":"',
    '"purdue_level":"1","roles":["engineering-station"],"serial":"","site":"","source_id":"","technology":"ot",'
    '"vendor":"Siemens","zone":"',
    '"first_seen":"2024-01-01T00:00:00.000Z","last_seen":"2024-01-01T00:00:00.000Z","services":[{"function_codes":[3,16],'
    '"port":502,"protocol":"modbus","transport":"tcp"}],"window":{"bytes_in":0,"bytes_out":0,"connections":1,"late":0,'
    '"overflow":0,"packets_in":0,"packets_out":0,"part":"","seconds":3600,"start":"2024-01-01T00:00:00.000Z"}',
    '"category":"","native_id":"","severity":70,"source_id":"","status":"open","subjects":[{"ref":"infrastructure--",'
    '"role":"source"}],"techniques":["T0801"],"title":"","vendor_severity":"high","vendor_status":"',
    '"cvss":9.8,"epss":0.1,"fix":"","kev":false,"likelihood":"likely","state":"open"',
)
_OBJECTS = (
    '{"created":"2024-01-01T00:00:00.000Z","description":"","external_references":[{"external_id":"CVE-2024-",'
    '"source_name":"cve","url":"https://nvd.nist.gov/vuln/detail/CVE-"}],"id":"vulnerability--","modified":"2024-01-01T'
    '00:00:00.000Z","name":"CVE-2024-","spec_version":"2.1","type":"vulnerability"}',
    '{"count":1,"created":"2024-01-01T00:00:00.000Z","first_seen":"2024-01-01T00:00:00.000Z","id":"sighting--",'
    '"last_seen":"","modified":"","sighting_of_ref":"indicator--","spec_version":"2.1","type":"sighting",'
    '"where_sighted_refs":["identity--"]}',
    '{"created":"","id":"indicator--","indicator_types":["anomalous-activity"],"modified":"","name":"","pattern":"",'
    '"pattern_type":"stix","spec_version":"2.1","type":"indicator","valid_from":"2024-01-01T00:00:00.000Z"}',
    '{"created":"","id":"incident--","labels":["alert"],"modified":"","name":"","spec_version":"2.1","type":"incident"}',
    '{"cpe":"cpe:2.3:a:","id":"software--","name":"","spec_version":"2.1","type":"software","vendor":"","version":"1.0"}',
    '{"created":"","id":"identity--","identity_class":"system","modified":"","name":"","spec_version":"2.1",'
    '"type":"identity"}',
    '{"id":"mac-addr--","spec_version":"2.1","type":"mac-addr","value":"00:"}',
    '{"id":"ipv6-addr--","spec_version":"2.1","type":"ipv6-addr","value":"fe80::"}',
    '{"id":"ipv4-addr--","spec_version":"2.1","type":"ipv4-addr","value":"10."}',
    '"external_references":[{"external_id":"A0003","source_name":"mitre-attack"},{"external_id":"","source_name":"',
    '"infrastructure_types":["control-system"],"labels":["asset","ot","plc","purdue:1"],"modified":"',
)
_RELATIONSHIP = (
    '"id":"relationship--","modified":"2024-01-01T00:00:00.000Z","object_marking_refs":["%s"],'
    '"relationship_type":"communicates-with","source_ref":"infrastructure--","spec_version":"2.1",'
    '"target_ref":"infrastructure--","type":"relationship"}'
    '{"created":"2024-01-01T00:00:00.000Z","created_by_ref":"identity--","id":"relationship--","modified":"'
    '","object_marking_refs":["%s"],"relationship_type":"consists-of","source_ref":"infrastructure--",'
    '"spec_version":"2.1","target_ref":"ipv4-addr--","type":"relationship"}'
)


def _seed() -> bytes:
    extensions = "".join(
        f'"extensions":{{"{extension}":{{{facts},"extension_type":"property-extension"'
        for extension, facts in zip(
            (stix.ASSET, stix.ASSET, stix.ASSET, stix.COMMUNICATION, stix.ALERT, stix.EXPOSURE), _FACTS, strict=True
        )
    )
    marking = stix.TLP["amber"]
    return (extensions + "".join(_OBJECTS) + _RELATIONSHIP % (marking, marking)).encode()


SEED = _seed()

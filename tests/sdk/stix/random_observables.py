"""Random cyber observables of every type, for comparing identifiers with another implementation."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
_ALPHABET = "abcXYZ019 _-./\\'\"\u00e9\u00df\u4e2d\u2028\U0001f512\t\x7f"
_HASHES = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64}


class Observables:
    """A seeded source of property dictionaries, without ``id``."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers: list[Callable[[], Json]] = [
            getattr(self, name) for name in sorted(dir(self)) if name.startswith("make_")
        ]

    def __iter__(self) -> Iterator[Json]:
        while True:
            made = self._random.choice(self._makers)()
            yield {name: value for name, value in made.items() if value is not None}

    def some(self, make: Callable[[], Any], chance: float = 0.6) -> Any:
        return make() if self._random.random() < chance else None

    def text(self) -> str:
        return "".join(self._random.choices(_ALPHABET, k=self._random.randint(1, 12)))

    def number(self) -> int:
        return self._random.choice([0, 1, 80, 65_535, 2**31, 2**53 - 1, 2**53 + 1, 2**60 + 7, -(2**55) - 3])

    def port(self) -> int:
        return self._random.randint(0, 65_535)

    def hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def hashes(self) -> Json:
        names = self._random.sample(sorted(_HASHES), self._random.randint(1, 3))
        preferred = {"MD5", "SHA-1", "SHA-256", "SHA-512"}
        if not preferred & set(names):
            names = names[:1]
        return {name: self.hex(_HASHES[name]) for name in names}

    def time(self) -> str:
        fraction = self._random.choice(["", ".0", ".000", ".120", ".123", ".123456", ".100000", ".000001"])
        second = self._random.randint(0, 59)
        return f"20{self._random.randint(10, 29)}-0{self._random.randint(1, 9)}-1{second % 10}T03:04:{second:02}{fraction}Z"

    def ref(self, type: str) -> str:
        digits = self.hex(32)
        return f"{type}--{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def make_ipv4(self) -> Json:
        return {"type": "ipv4-addr", "value": ".".join(str(self._random.randint(0, 255)) for _ in range(4))}

    def make_ipv6(self) -> Json:
        return {"type": "ipv6-addr", "value": f"2001:db8::{self.hex(4)}"}

    def make_mac(self) -> Json:
        return {"type": "mac-addr", "value": ":".join(self.hex(2) for _ in range(6))}

    def make_domain(self) -> Json:
        return {"type": "domain-name", "value": f"{self.hex(5)}.b\u00fccher.example"}

    def make_email(self) -> Json:
        return {"type": "email-addr", "value": f"{self.hex(4)}@example.org", "display_name": self.some(self.text)}

    def make_url(self) -> Json:
        return {"type": "url", "value": f"https://example.org/{self.hex(4)}?a=\u00e9&b='\""}

    def make_mutex(self) -> Json:
        return {"type": "mutex", "name": self.text()}

    def make_system(self) -> Json:
        return {"type": "autonomous-system", "number": self.number(), "name": self.some(self.text)}

    def make_directory(self) -> Json:
        return {"type": "directory", "path": self.text(), "ctime": self.some(self.time)}

    def make_software(self) -> Json:
        return {
            "type": "software",
            "name": self.text(),
            "vendor": self.some(self.text),
            "version": self.some(self.text),
            "swid": self.some(self.text, 0.2),
            "cpe": self.some(lambda: "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*", 0.3),
        }

    def make_account(self) -> Json:
        return {
            "type": "user-account",
            "user_id": self.some(self.text),
            "account_login": self.text(),
            "account_type": self.some(lambda: "unix"),
            "display_name": self.some(self.text),
        }

    def make_artifact(self) -> Json:
        return {"type": "artifact", "payload_bin": "QUJDRA==", "hashes": self.some(self.hashes)}

    def make_message(self) -> Json:
        return {
            "type": "email-message",
            "is_multipart": False,
            "from_ref": self.some(lambda: self.ref("email-addr")),
            "subject": self.text(),
            "body": self.some(self.text),
            "date": self.some(self.time),
        }

    def make_file(self) -> Json:
        return {
            "type": "file",
            "name": self.text(),
            "hashes": self.some(self.hashes),
            "size": self.some(self.port),
            "parent_directory_ref": self.some(lambda: self.ref("directory")),
            "extensions": self.some(self.file_extensions, 0.4),
        }

    def file_extensions(self) -> Json:
        made: Json = {
            "pdf-ext": {"version": self.text(), "document_info_dict": {"Title": self.text(), "n": self.number()}}
        }
        if self._random.random() < 0.5:
            made["windows-pebinary-ext"] = {
                "pe_type": "exe",
                "time_date_stamp": self.time(),
                "sections": [{"name": self.text(), "entropy": self.entropy(), "size": self.port()}],
            }
        return made

    def entropy(self) -> float:
        return self._random.choice([0.0, 1.0, 7.5, 0.061089, 7.980693, 1e-7, 123456789.25, 5e-324, 1e16, 1e21, 1.5e300])

    def make_traffic(self) -> Json:
        ended = self.some(lambda: "2031-01-01T00:00:00.500Z")
        return {
            "type": "network-traffic",
            "src_ref": self.ref("ipv4-addr"),
            "dst_ref": self.some(lambda: self.ref("ipv6-addr")),
            "src_port": self.some(self.port),
            "dst_port": self.some(self.port),
            "protocols": self._random.choice([["tcp"], ["ipv4", "tcp", "modbus"], ["udp", "dns"]]),
            "start": self.some(self.time),
            "end": ended,
            "is_active": False if ended else None,
            "extensions": self.some(lambda: {"tcp-ext": {"src_flags_hex": self.hex(8)}}, 0.3),
        }

    def make_key(self) -> Json:
        return {
            "type": "windows-registry-key",
            "key": self.text(),
            "values": self.some(lambda: [{"name": self.text(), "data": self.text(), "data_type": "REG_SZ"}]),
        }

    def make_certificate(self) -> Json:
        return {
            "type": "x509-certificate",
            "serial_number": self.text(),
            "hashes": self.some(self.hashes),
            "issuer": self.some(self.text),
        }
